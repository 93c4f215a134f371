"""One web page, from a public address only, over a small server on loopback that a test allows."""

from __future__ import annotations

import asyncio
import gzip
import ipaddress
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.errors import PageRefused
from assistant.knowledge import addresses
from assistant.knowledge.desk import DocumentDesk
from assistant.knowledge.ingest import Ingest
from assistant.knowledge.reader import Reader
from assistant.knowledge.web_pages import PageFetcher

from .conftest import Shelf

HTML = "<html><head><title>Cats</title></head><body><p>The cat sat on the mat.</p></body></html>"


@dataclass
class Site:
    """Answers a path with what it is told to; `asked` holds the heads of all requests."""

    port: int = 0
    answers: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    silent: bool = False

    def says(self, path: str, body: bytes, *headers: str, status: str = "200 OK") -> None:
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
        self.answers[path] = "\r\n".join(lines).encode() + b"\r\n\r\n" + body

    async def answer(self, reading: asyncio.StreamReader, writing: asyncio.StreamWriter) -> None:
        head = (await reading.readuntil(b"\r\n\r\n")).decode()
        self.asked.append(head)
        if self.silent:
            await reading.read()
        else:
            writing.write(self.answers.get(head.split()[1], b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"))
        writing.close()


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    found = Site()
    server = await asyncio.start_server(found.answer, "127.0.0.1", 0)
    found.port = server.sockets[0].getsockname()[1]
    async with server:
        yield found


class Names:
    """A name server of our own: every name means what it is told to, the last one again and again."""

    def __init__(self, **known: list[list[str]]) -> None:
        self.known = known
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        answers = self.known.get(host.partition(".")[0])
        if not answers:
            raise OSError(f"no {host}")
        return answers.pop(0) if len(answers) > 1 else answers[0]


def loopback_too(found: Collection[str]) -> bool:
    """Besides public addresses the one the site is at."""
    return all(one == "127.0.0.1" or addresses.is_public(one) for one in found)


def fetcher(
    names: Names,
    allowed: Callable[[Collection[str]], bool] = loopback_too,
    seconds: float = 10.0,
    largest: int = 100_000,
) -> PageFetcher:
    return PageFetcher(allowed, names, seconds, largest)


async def refused(fetching: PageFetcher, url: str) -> str:
    with pytest.raises(PageRefused) as raised:
        await fetching.fetch(url)
    return raised.value.reason


async def test_a_page_comes_with_its_title_and_nothing_of_this_machine_is_told(site: Site) -> None:
    site.says("/cats?x=1", HTML.encode(), "Content-Type: text/html", "Set-Cookie: a=b")
    names = Names(pages=[["127.0.0.1"]])
    page = await fetcher(names).fetch(f"http://pages.example:{site.port}/cats?x=1#part")
    assert (page.url, page.ending, page.data) == (f"http://pages.example:{site.port}/cats?x=1", "html", HTML.encode())
    (head,) = site.asked
    assert f"Host: pages.example:{site.port}".lower() in head.lower()
    assert "cookie" not in head.lower()
    assert "referer" not in head.lower()
    await fetcher(names).fetch(f"http://pages.example:{site.port}/cats?x=1")
    assert "cookie" not in site.asked[-1].lower()


async def test_what_the_server_says_about_its_letters_counts(site: Site) -> None:
    site.says("/zh", "明天北京晴".encode("gb18030"), "Content-Type: text/plain; charset=gbk")
    page = await fetcher(Names(pages=[["127.0.0.1"]])).fetch(f"http://pages.example:{site.port}/zh")
    assert (page.data.decode(), page.ending) == ("明天北京晴", "txt")


_NOT_PUBLIC = """
127.0.0.1 127.1.2.3 0.0.0.1 10.1.2.3 172.16.0.1 192.168.1.1 169.254.169.254 100.64.0.1 224.0.0.1 239.1.1.1 240.0.0.1
255.255.255.255 192.0.0.8 192.88.99.1 198.18.0.1 192.0.2.1 ::1 :: fe80::1 fe80::1%eth0 fc00::1 fd12::1 ff02::1 fec0::1
2001:db8::1 3fff::1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::127.0.0.1 64:ff9b::7f00:1 2002:7f00:1:: 2002:c0a8:101::
2001:0:4136:e378:8000:63bf:80ff:fffe
"""


@pytest.mark.parametrize("address", _NOT_PUBLIC.split())
async def test_addresses_that_are_not_the_internets_are_refused(address: str) -> None:
    assert not addresses.allowed([address])
    names = Names(inside=[[address]])
    assert await refused(PageFetcher(lookup=names), "http://inside.example/") == "private"
    assert not addresses.allowed(["93.184.216.34", address]), "one of two is enough"


@pytest.mark.parametrize("address", ["93.184.216.34", "1.1.1.1", "2606:4700:4700::1111", "2001:4860:4860::8888"])
def test_addresses_of_servers_are_allowed(address: str) -> None:
    assert addresses.allowed([address])


def test_the_machines_own_addresses_are_refused_whatever_they_are() -> None:
    assert not addresses.allowed(list(addresses.own()))
    assert not addresses.allowed([])


@given(st.ip_addresses(v=4))
def test_an_address_is_judged_the_same_in_whatever_it_is_wrapped(address: ipaddress.IPv4Address) -> None:
    public = addresses.is_public(str(address))
    assert addresses.is_public(f"::ffff:{address}") == public
    if public:
        assert not address.is_private
        assert not address.is_multicast
    else:
        assert not addresses.is_public(str(ipaddress.IPv6Address((0x2002 << 112) | (int(address) << 80))))


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "2130706433", "0x7f.1", "127.1", "localhost", "localhost."])
async def test_no_spelling_of_this_machine_gets_through(host: str) -> None:
    assert await refused(PageFetcher(), f"http://{host}:1/") in {"private", "unknown_host"}


async def test_a_name_that_means_something_else_the_second_time_does_not_help(site: Site) -> None:
    names = Names(rebind=[["93.184.216.34"], ["127.0.0.1"]])
    pinned: list[list[str]] = []

    def watched(found: Collection[str]) -> bool:
        pinned.append(list(found))
        return addresses.allowed(found)

    # The address that was looked at is the one that is asked, which tests do not reach.
    assert await refused(fetcher(names, watched), f"http://rebind.example:{site.port}/") in {"unreachable", "timed_out"}
    assert (names.asked, pinned, site.asked) == (["rebind.example"], [["93.184.216.34"]], [])


async def test_every_step_of_a_redirect_is_looked_at_again(site: Site) -> None:
    site.says("/a", b"", "Location: http://inside.example/secret", status="302 Found")
    names = Names(pages=[["127.0.0.1"]], inside=[["10.0.0.1"]])
    assert await refused(fetcher(names), f"http://pages.example:{site.port}/a") == "private"
    site.says("/b", b"", "Location: file:///etc/passwd", status="302 Found")
    assert await refused(fetcher(names), f"http://pages.example:{site.port}/b") == "scheme"
    site.says("/c", b"", "Location: /c", status="302 Found")
    assert await refused(fetcher(names), f"http://pages.example:{site.port}/c") == "redirects"
    site.says("/d", b"", "Location: cats", status="301 Moved")
    site.says("/cats", HTML.encode(), "Content-Type: text/html")
    page = await fetcher(names).fetch(f"http://pages.example:{site.port}/d")
    assert page.url.endswith("/cats")


async def test_addresses_in_other_scripts_are_asked_as_servers_know_them(site: Site) -> None:
    site.says("/%E7%8C%AB", HTML.encode(), "Content-Type: text/html")
    names = Names(**{"xn--fsqu00a": [["127.0.0.1"]]})
    page = await fetcher(names).fetch(f"http://例子.中国:{site.port}/猫")
    assert page.url == f"http://例子.中国:{site.port}/猫"
    assert f"Host: xn--fsqu00a.xn--fiqs8s:{site.port}\r\n" in site.asked[0]


async def test_a_redirect_that_leads_nowhere_is_refused(site: Site) -> None:
    names = Names(pages=[["127.0.0.1"]])
    here = f"http://pages.example:{site.port}"
    site.says("/a", b"", status="302 Found")
    assert await refused(fetcher(names), f"{here}/a") == "HTTP 302"
    site.says("/b", b"", "Location: http://[half", status="302 Found")
    assert await refused(fetcher(names), f"{here}/b") == "HTTP 302"
    site.says("/c", b"", "Location: http://pages.example:ten/", status="307 Temporary Redirect")
    assert await refused(fetcher(names), f"{here}/c") in {"scheme", "unreachable"}
    site.says("/d", b"", f"Location: http://pages.example:{site.port}/a\x01b", status="302 Found")
    assert await refused(fetcher(names), f"{here}/d") in {"scheme", "unreachable"}
    site.says("/e", b"", status="304 Not Modified")
    assert await refused(fetcher(names), f"{here}/e") == "HTTP 304"


async def test_what_is_too_large_or_of_a_wrong_kind_or_empty_or_missing_is_refused(site: Site) -> None:
    names = Names(pages=[["127.0.0.1"]])
    here = f"http://pages.example:{site.port}"
    site.says("/large", b"x" * 100_001, "Content-Type: text/plain")
    assert await refused(fetcher(names), f"{here}/large") == "too_large"
    packed = gzip.compress(b"x" * 5_000_000)
    site.says("/bomb", packed, "Content-Type: text/plain", "Content-Encoding: gzip")
    assert len(packed) < 100_000
    assert await refused(fetcher(names), f"{here}/bomb") == "too_large"
    site.says("/film", b"film", "Content-Type: video/mp4")
    assert await refused(fetcher(names), f"{here}/film") == "type"
    site.says("/empty", b" \n", "Content-Type: text/html")
    assert await refused(fetcher(names), f"{here}/empty") == "empty"
    assert await refused(fetcher(names), f"{here}/nowhere") == "HTTP 404"
    site.answers["/odd"] = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: many\r\n\r\nx"
    assert await refused(fetcher(names), f"{here}/odd") == "unreachable"


async def test_a_server_that_says_nothing_is_given_up(site: Site) -> None:
    site.silent = True
    names = Names(pages=[["127.0.0.1"]])
    assert await refused(fetcher(names, seconds=0.3), f"http://pages.example:{site.port}/") == "timed_out"
    assert await refused(fetcher(names), "http://pages.example:1/") == "unreachable"


@pytest.mark.parametrize(
    "url",
    [
        *("file:///etc/passwd", "ftp://example.org/", "javascript:1", "", "http://", "example.org", "http://[", "//x/"),
        *("http://user:secret@example.org/", "http://example.org:99999/", "gopher://x/", "http://" + "a" * 3000),
    ],
)
async def test_only_plain_web_addresses_are_taken(url: str) -> None:
    assert await refused(PageFetcher(), url) == "scheme"


@given(st.text(max_size=60))
def test_any_text_is_refused_or_asked_with_a_reason(text: str) -> None:
    async def nowhere(host: str, port: int) -> list[str]:
        raise OSError

    assert asyncio.run(refused(PageFetcher(lookup=nowhere), f"http://{text}")) in {"scheme", "unknown_host"}


async def test_a_page_is_a_document_that_is_fetched_anew_and_thrown_away(
    site: Site, shelf: Shelf, tmp_path: Path
) -> None:
    reader = Reader(seconds=60)
    ingest = Ingest(shelf.store, shelf.whole, reader, shelf.uploads)
    desk = DocumentDesk(ingest, shelf.whole, shelf.uploads, pages=fetcher(Names(pages=[["127.0.0.1"]])))
    site.says("/cats", HTML.encode(), "Content-Type: text/html")
    added = await desk.add_page(f"http://pages.example:{site.port}/cats", "web")
    async for _ in desk.progress():
        pass
    document = await desk.document(added.id)
    assert (document.title, document.origin, document.status) == ("Cats", "page", "ready")
    site.says("/cats", HTML.replace("mat", "sofa").encode(), "Content-Type: text/html")
    await desk.reindex(added.id)
    async for _ in desk.progress():
        pass
    (chunk,) = await desk.chunks(added.id)
    assert "sofa" in chunk.text
    assert [one.id for one in await desk.documents()] == [added.id]
    assert len(list((tmp_path / "documents").iterdir())) == 1
    await desk.remove(added.id)
    assert list((tmp_path / "documents").iterdir()) == []
    await desk.close()
