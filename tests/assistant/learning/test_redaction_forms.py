"""The forms that are told and the ordinary text that looks like them, one by one."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.learning.redaction import redacted

JWT: Final = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
BOT: Final = "123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw9"
PEM: Final = (
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA0Z3VS5JJcds3xf\nq83nLm+7/dE=\n-----END RSA PRIVATE KEY-----"
)
SHA: Final = "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9"

SECRETS: Final = (
    ("use sk-proj-Ab3dEfGh1jKlMnOpQrSt-uvWx_yz please", "use [secret] please"),
    ("sk-ant-api03-abcDEF123_456-ghiJKL789", "[secret]"),
    ("sk-or-v1-0123456789abcdef0123456789abcdef", "[secret]"),
    ("sk-1234567890abcdefghijklmnopqrstuv", "[secret]"),
    ("ghp_16C7e42F292c6912E7710c838347Ae178B4a", "[secret]"),
    ("密钥github_pat_11ABCDEFG0abcdefghijkl_mnopqrstuvwxyz0123456789在此", "密钥[secret]在此"),
    ("AKIAIOSFODNN7EXAMPLE", "[secret]"),
    ("AIzaSyA1234567890abcdefghijklmnopqrstuv", "[secret]"),
    ("hf_abcdefghijklmnopqrstuvwxyz012345", "[secret]"),
    ("xoxb-123456789012-abcdefghijkl", "[secret]"),
    (f"the bot is {BOT}.", "the bot is [secret]."),
    (f"bot{BOT}/getMe", "bot[secret]/getMe"),
    (f"Authorization: Bearer {JWT}", "Authorization: Bearer [secret]"),
    ("Authorization: Basic dXNlcjpwYXNz", "Authorization: Basic [secret]"),
    ("curl -H 'Authorization: Bearer abcdef1234567890ghij' x", "curl -H 'Authorization: Bearer [secret]' x"),
    ("with bearer abcdef1234567890ghij", "with bearer [secret]"),
    (f"a token {JWT} in a text", "a token [secret] in a text"),
    (f"key:\n{PEM}\nthanks", "key:\n[secret]\nthanks"),
    (PEM.rsplit("\n", 1)[0].rsplit("\n", 1)[0] + "\n\nand so on", "[secret]\n\nand so on"),
    (PEM.replace("RSA", "OPENSSH").replace("\n", "\\n"), "[secret]"),
)

PASSWORDS: Final = (
    ("密码是 Abc12345", "密码是 [secret]"),
    ("密码是Abc12345，别告诉别人", "密码是[secret]，别告诉别人"),
    ("密码：Ａｂｃ１２３４５。", "密码：[secret]。"),
    ("我的银行卡密码123456", "我的银行卡密码[secret]"),
    ("WiFi密码 88888888", "WiFi密码 [secret]"),
    ("密码改成了“Abc 12345”", "密码改成了“[secret]”"),
    ("验证码：482913", "验证码：[secret]"),
    ("your verification code is 482913", "your verification code is [secret]"),
    ("password: Abc12345", "password: [secret]"),
    ("Password: hunter2!", "Password: [secret]"),
    ("the password is hunter22.", "the password is [secret]."),
    ("the password for the router is hunter22, ok", "the password for the router is [secret], ok"),
    ("password=Abc12345,user=bob", "password=[secret],user=bob"),
    ("DB_PASSWORD='Abc12345'", "DB_PASSWORD='[secret]'"),
    ('{"password": "Abc, 12345", "n": 1}', '{"password": "[secret]", "n": 1}'),
    ("mysql --password Abc12345 -u bob", "mysql --password [secret] -u bob"),
    ("PIN: 4711", "PIN: [secret]"),
    ("my password is p@ssword", "my password is [secret]"),
    ("api_key=9f8e7d6c5b4a", "api_key=[secret]"),
    ("OPENAI_API_KEY: 9f8e7d6c5b4a3210", "OPENAI_API_KEY: [secret]"),
    ("x-api-key: 9f8e7d6c5b4a3210", "x-api-key: [secret]"),
    ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "aws_secret_access_key = [secret]"),
    (f"token: {SHA}", "token: [secret]"),
    ("The password's hunter22, bob", "The password's [secret], bob"),
    ("<password>Abc12345</password>", "<password>[secret]</password>"),
    (r"{\"password\": \"Abc12345\"}", r"{\"password\": \"[secret]\"}"),
    ("AccountKey=Zm9vYmFyMTIzNDU2Nzg5MA==;", "AccountKey=[secret];"),
)

LINKS: Final = (
    ("www.x.com/reset?token=abc", "www.x.com/reset?[secret]"),
    ("见 example.com/reset?token=abc&u=1 谢谢", "见 example.com/reset?[secret] 谢谢"),
    ("localhost:8000/cb?code=abc", "localhost:8000/cb?[secret]"),
    ("www.x.com/s/eyJhbGciOiJIUzI1NiJ9abc123/view", "www.x.com/s/[secret]/view"),
    ("（见https://x.com/a?b=c）然后", "（见https://x.com/a?[secret]）然后"),
)

PHONES: Final = (
    ("１３８００１３８０００", "[phone]"),
    ("电话：１３８００１３８０００，谢谢", "电话：[phone]，谢谢"),
    ("138.0013.8000", "[phone]"),
    ("138－0013－8000", "[phone]"),
    ("138–0013–8000", "[phone]"),
    ("138 0013 8000", "[phone]"),
    ("138-0013-8000", "[phone]"),
    ("1380-013-8000", "[phone]"),
    ("\u202d138 0013 8000\u202c", "\u202d[phone]\u202c"),
    ("138\u200b0013\u200b8000", "[phone]"),
    ("联系人：1.13800138000 2.13900139000", "联系人：1.[phone] 2.[phone]"),
    ("张三,13800138000", "张三,[phone]"),
    ("+86 138 0013 8000", "[phone]"),
    ("01062345678", "[phone]"),
    ("010-62345678", "[phone]"),
    ("电话——010-62345678", "电话——[phone]"),
    ("075512345678", "075512345678"),  # no such number: none of a place begins with 1
    ("075582345678", "[phone]"),
    ("(010)62345678", "[phone]"),
    ("（010）62345678", "[phone]"),
    ("（0755） 8234 5678", "[phone]"),
    ("07700900123", "[phone]"),
    ("07700 900123", "[phone]"),
    ("020 7946 0958", "[phone]"),
    ("+44 (0)20 7946 0958", "[phone]"),
    ("06 12 34 56 78", "[phone]"),
    ("(02) 9876 5432", "[phone]"),
    ("0171-1234567", "[phone]"),
    ("4155552671", "[phone]"),
    ("call me at 4155552671", "call me at [phone]"),
    ("电话 4155552671", "电话 [phone]"),
    ("电话：62345678", "电话：[phone]"),
    ("phone: 555-2671", "phone: [phone]"),
    ("My phone's 4155552671, bye", "My phone's [phone], bye"),
    ("（+86）13800138000/13900139000", "（+86）[phone]/[phone]"),
    ("(415) 555-2671", "[phone]"),
    ("415 555 2671", "[phone]"),
    ("1-415-555-2671", "[phone]"),
    ("+1.415.555.2671", "[phone]"),
    ("٠١٠٦٢٣٤٥٦٧٨", "[phone]"),
)

IDENTITIES: Final = (
    ("11010519491231002X", "[identity]"),
    ("110105 19491231 002X", "[identity]"),
    ("110105-19491231-002x", "[identity]"),
    ("1101 0519 4912 3100 2X", "[identity]"),
    ("身份证１１０１０５１９４９１２３１００２Ｘ。", "身份证[identity]。"),
    ("11010519491231002X11010519491231002X", "[identity][identity]"),
    ("110105491231002", "[identity]"),
    ("110105 491231 002", "[identity]"),
    ("123-45-6789", "[identity]"),
    ("SSN 123 45 6789", "SSN [identity]"),
    ("SSN: 123456789", "SSN: [identity]"),
    ("passport E12345678", "passport [identity]"),
    ("Passport No. 123456789", "Passport No. [identity]"),
    ("护照号码是E12345678。", "护照号码是[identity]。"),
    ("港澳通行证：C12345678", "港澳通行证：[identity]"),
    ("身份证号：A123456(7)", "身份证号：[identity]"),
    ("车牌京A12345", "车牌[plate]"),
    ("粤B·D12345", "[plate]"),
    ("沪A 1234警", "[plate]"),
    ("4111.1111.1111.1111", "[card]"),
    ("4111–1111–1111–1111", "[card]"),
    ("4111 - 1111 - 1111 - 1111", "[card]"),
    ("4111 1111 1111 1111 123", "[card] 123"),
    ("3782 822463 10005", "[card]"),
    ("６２２２ ０２００ ００００ ００００ ０１８", "[card]"),
    ("张三@例子.中国", "[e-mail]"),
    ("发到张三@例子.中国。", "[e-mail]。"),
    ("zhang＠example．com", "[e-mail]"),
    ("zhang@例子.公司的邮箱", "[e-mail]的邮箱"),
    ("00:1A:2B:3C:4D:5E", "[address]"),
    ("IP地址192.168.3.17", "IP地址[address]"),
    ("IP:2001:db8::17", "IP:[address]"),
    ("::ffff:192.168.0.17", "[address]"),
    ("name @ example.com", "[e-mail]"),
)

STREETS: Final = (
    ("北京市海淀区中关村大街27号1201室", "[address]"),
    ("我住在北京市海淀区中关村大街27号1201室，谢谢", "我住在[address]，谢谢"),
    ("收件人张伟浙江省杭州市西湖区文三路１２号", "收件人张伟[address]"),
    ("公司地址中山北路12号3号楼2单元501", "公司地址[address]"),
    ("上海市徐汇区漕溪北路1234弄56号", "[address]"),
    ("成都市高新区天府大道北段1700号", "[address]"),
    ("住在阳光花园3栋2单元501室", "住在[address]"),
    ("广州市天河区体育西路103号维多利广场A塔2501室", "[address]"),
    ("北京市朝阳区建国路88号院3号楼2单元1501", "[address]"),
    ("香港九龙弥敦道100号", "[address]"),
    ("该校位于石家庄市建华南大街82号，", "该校位于[address]，"),
    ("人民路二十七号", "[address]"),
    ("广东省梅州市丰顺县某某镇大坪村12号", "[address]"),
    ("台北市信義區信義路五段7號", "[address]"),
    ("221B Baker Street", "[address]"),
    ("I live at 1600 Pennsylvania Avenue, really", "I live at [address], really"),
    ("350 Fifth Ave., Apt 4B", "[address]"),
)

ORDINARY: Final = (
    "the functions call 1234567 times, and reach 2000000",
    'the text of 1945-1949, {"text": "2010-2011"}',
    "联系 20240501 那一批，拨 1234567 元",
    "20240501\n5551234\n",
    "微信支付 v3 与 WeChat pay_v3, QQ 2013, QQ音乐, wechat integration",
    "@dataclass on telegram, email @work",
    "In 1984, 1999-12-31, 31/12/1999, 07/04/2024, 05-06-2024 and 05.06.2024 at 12:30:45",
    "2024年5月1日 08:30，08-15 和 03/15 开会",
    "2024-05-01T12:30:45+08:00, 2024-05-01 12:30:45.123456",
    "1714521600 and 1714521600000 and 1714521600000000",
    "¥1,299.00, $1,234,567.89, 1 234 567 890 €, 12345.67元，共 1234567890 元",
    "1234567890 * 3 = 3703703670",
    "¥4155552671",
    "#4155552671",
    "ratio 1:2:3:4:5:6:7:8, 255.255.255.0, 224.0.0.1, 0987654321",
    "password reset, access_token: str | None = None, PASSWORD_MIN_LENGTH = 8, password_hash = 'pbkdf2_sha256'",
    "token是模型读取的单位，一个token大约是0.75个英文单词，密钥长度是2048位",
    "src/assistant/learning/redaction.py:123:45, github.com/user/repo/blob/main/src/file_name_2.py",
    "4155552671 * 3, 2147483647, 4294967296 and 0123456789",
    "There were 4155552671 rows in it.",
    "共有4155552671条",
    "版本 1.2.3.4，version 10.20.30.40, v1.2.30.4, lib-1.2.30.4, pip install a==1.20.3.4",
    "1.2.3.4 Scope\n1.2.3.5 Terms",
    "Chrome/96.0.4664.45",
    "ISBN 978-7-302-25768-5, ISBN 0-306-40615-2, 9787302257685, 0306406152, 978 0 306 40615 7",
    "550e8400-e29b-41d4-a716-446655440000",
    "13800138-0013-4800-8138-001380001380",
    SHA,
    "d41d8cd98f00b204e980013800138000",
    "3.14159265358979, 3.14159265359, 2.718281828459045, 0.13800138000, 6.02214076e23, +1.23456789e5, -1.602e-19",
    "x+1234567, 12+34567890, +10000000 users, 100+200 300 400",
    "00123, 0012345678, 001 2 3, 00101010101, 01101010101, 007",
    "0101-0105号房, page 010-015, 100-200, 1-2-3, 1500 200 3000, 200 300 4000 5000",
    "299792458, 1000000007, 20240501123045, 20240501123456789",
    "x[1::2], x[::2], a::b, std::vector, dead::beef, ratio 3:2:1",
    "localhost is 127.0.0.1 or ::1",
    "The password is stored hashed, and a password is required.",
    "Your password is at least 8 characters; the password is base64-encoded, or SHA-256.",
    "password: required, password: string, Password: must be 8 characters, password (8-16 characters)",
    "password = get_password(1); token = tokens[0]; api_key=os.environ['API_KEY1']; secret: None",
    "max_tokens=512, token: 12345, token: int64, tokens: 4096, a token is 4 characters, key: value1",
    "password=${DB_PASSWORD1} password=<your-password-1> password: ******** password: %s",
    "密码错误，密码长度是8-16位，密码是2024年设的，请输入密码，密码学 101，密码是加密保存的",
    "sk-learn, sk-1, ghp_, AKIA, eyJ, Bearer of bad news, basic authorization",
    "-----BEGIN CERTIFICATE-----\nMIIEowIBAAKCAQEA0Z3VS5JJcds3xf\n-----END CERTIFICATE-----",
    "-----BEGIN PUBLIC KEY-----",
    "Really?yes=no, a.b?c:d, docs/page.md#section, foo.bar?.baz, what?a=b",
    "passport 2024, the passport office handled 1234567 applications, 护照有效期10年",
    "云API，最新A12345产品，阿里云ABCDE，青A，川菜ABC",
    "他去了上海市南京路，沿着公路3号方向，乘地铁5号线，人民路2号线站，知道3号出发，思路3号",
    "三里屯有很多市场，北京市海淀区有很多大学，8月3号上街",
    "In 2008 Wall Street crashed, since 1929 Wall Street knows; 5 Street musicians; 3 Simple Ways",
    "def f(a: int = 3) -> str:\n    return f'{a:>10}' + s[1:3]  # 0x1F600 & 0b1010",
    "[phone] and [e-mail] and [secret], ①13，m²，100㎡，½，…138",
    "全角标点：（如此）！？；，。「」～＋＝",
    "rows @ self.vector, curl --data-binary @report.pdf",
    "你好 @小明，@everyone, a @ b, foo@bar, @property\ndef x",
    "",
)

CALLED: Final = (
    ("致电 62345678", "致电 [phone]"),
    ("请拨62345678。", "请拨[phone]。"),
    ("号码是62345678", "号码是[phone]"),
    ("my number is 5551234", "my number is [phone]"),
    ("call me at 555-1234", "call me at [phone]"),
    ("微信号：zhang_san88", "微信号：[account]"),
    ("加我微信zhangsan88吧", "加我微信[account]吧"),
    ("my WeChat ID is zhangsan-88.", "my WeChat ID is [account]."),
    ("我的QQ是123456789", "我的QQ是[account]"),
    ("QQ：10234567", "QQ：[account]"),
    ("telegram @zhangsan", "telegram [account]"),
    ("我的推特账号是@zhang_san", "我的推特账号是[account]"),
)

FORMS: Final = (*SECRETS, *PASSWORDS, *LINKS, *PHONES, *IDENTITIES, *STREETS, *CALLED)


@pytest.mark.parametrize(("text", "expected"), FORMS)
def test_what_is_told_by_its_form_goes(text: str, expected: str) -> None:
    assert redacted(text) == expected


@pytest.mark.parametrize("text", [text for text, _ in FORMS])
def test_once_is_enough(text: str) -> None:
    assert redacted(redacted(text)) == redacted(text)


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_text_stays(text: str) -> None:
    assert redacted(text) == text


PLAIN: Final = st.text(
    st.characters(categories=["L", "Z", "P", "S"], exclude_characters="@＠﹫", include_characters="\n"), max_size=60
)
DENSE: Final = st.text(st.sampled_from("0123456789013 .-+:/?=@()（）－．０１aA~eX[]密码是路号京F"), max_size=60)
PARTS: Final = st.lists(
    st.one_of(
        st.sampled_from([text for text, _ in FORMS]), st.sampled_from(["", " ", "\n", "，", ".", "-", "1"]), DENSE
    ),
    max_size=6,
).map("".join)


@settings(deadline=None, max_examples=300)
@given(st.one_of(DENSE, PARTS))
def test_what_is_redacted_stays_whatever_it_was(text: str) -> None:
    once = redacted(text)
    assert redacted(once) == once


@settings(deadline=None)
@given(PLAIN)
def test_text_without_a_digit_stays(text: str) -> None:
    assert redacted(text) == text


@settings(deadline=None)
@given(PLAIN, st.sampled_from([*PHONES[:4], *IDENTITIES[:3], *SECRETS[:2]]), PLAIN)
def test_what_stands_around_comes_out_as_it_went_in(before: str, form: tuple[str, str], after: str) -> None:
    text, expected = form
    assert redacted(f"{before}\n{text}\n{after}") == f"{before}\n{expected}\n{after}"


@pytest.mark.timeout(20)
@pytest.mark.parametrize("piece", ["0", "1", "-", " ", ".", "0-", "1 ", "1.", "+1 (2)-.", "138.0013-8000 ", "１－"])
def test_a_long_row_of_figures_takes_no_longer_than_it_must(piece: str) -> None:
    redacted(piece * (200_000 // len(piece)))


@pytest.mark.timeout(20)
@pytest.mark.parametrize("piece", [
    "+1234567890123456 ", "4111 1111 1111 1112 ", "1101 ", "密码", "密码是", "password: ", "password for a b ", "a=1,",
    "token=", "www.", "a.a/", "a.a/?", "-----BEGIN PRIVATE KEY-----", "eyJa.", "路1号", "市区县镇", "1A Bb Cc St",
    "中山路12号3栋", "张@", "a@a.", "a.-", "护照号", "京A", "00:", "\u200b", "\ue000", "passport no. ", "sk-a",
    "微信", "微信号是a", "QQ", "telegram @", "call 1234567 ", "Authorization: ",
    "电话", "phone ", "4155552671 ", "415 555 2671 ", "0306406152 ", "[phone]", "https://a?", "\n",
])  # fmt: skip
def test_a_hostile_text_takes_no_longer_than_it_must(piece: str) -> None:
    redacted(piece * (50_000 // len(piece)))
