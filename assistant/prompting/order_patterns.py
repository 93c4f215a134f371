"""How orders to a model read, in English and Chinese: in plain letters, simplified characters and few spaces.

Two kinds are told apart. `NOBODY_S` are nobody's to learn: they touch the rules, or want one answer whatever is asked.
`STANDING` want something of every answer ("always reply in French"): that is what an instruction is for, and what an
example must not say.
"""

from __future__ import annotations

from typing import Final

_RULES_ENGLISH: Final = (
    r"\b(?:ignor|disregard|overrid|bypass|discard|violat|disobey"
    r"|(?:do not|don't|stop|no longer) (?:follow|obey))\w*\b.{0,40}\b(?:previous|above|earlier|prior|preceding|all|any"
    r"|your|these|other|instruction|rule|prompt|guideline|direction|polic|restriction|constraint|safety)",
    r"\b(?:ignor|disregard|discard)\w*\b.{0,20}\b(?:what(?:ever)? (?:i|we|you|they|was|were|has|is|came|comes|stood)"
    r"|text|context|conversation|messages?|questions?|before this)\b",
    r"\b(?:ignor|disregard|discard)\w*\b.{0,20}\b(?:everything|anything|so far|up to (?:now|here))\b",
    # What one must not forget is no order, and much is forgotten without one.
    r"(?<!n't )(?<!n’t )(?<!not )(?<!never )(?<!i )\bforget (?:.{0,20}\b(?:everything|anything|so far|up to (?:now"
    r"|here))\b"
    r"|.{0,30}\b(?:previous|above|earlier|prior|preceding|instruction|rule|prompt|guideline|direction|polic"
    r"|restriction"
    r"|constraint|safety)|(?:about )?(?:all|any) (?:of |the |your |that|this|these|those))",
    r"\b(?:system|developer|hidden|initial|original) (?:prompt|message|instruction)",
    r"\b(?:reveal|leak|print|repeat|output|show)\w*\b.{0,20}\byour (?:\w+ )?(?:prompt|instruction|rule|guideline)",
    r"(?<!where )(?<!who )(?<!what )\byou are now\b|\bfrom now on,? (?:you|always|only|answer|respond|reply|act"
    r"|ignore|every)",
    r"\b(?:new|updated|real|actual|additional|secret) (?:instruction|rule|directive|order)s?\b",
    r"\b(?:pretend|act as if|behave as if|imagine) (?:that )?you (?:are|have|can)\b"
    r"|\bwithout (?:any )?restrictions?\b",
    r"\bjailbr|\b(?:developer|dan|god|admin|sudo) mode\b|\bdo anything now\b",
    r"\byou (?:must|shall|have to) (?:now |always |only )+",
    # Words that were written one letter at a time lose what stood between them.
    r"(?:ignore|disregard|forget)(?:all|any|the|your|every|previous|what)|systemprompt|youarenow|fromnowon"
    r"|(?:always|only)(?:reply|repl|answer|respond|say)|whateverthe|nomatterwh|regardlessof",
)
_RULES_CHINESE: Final = (
    r"(?:忽略|无视|忘记|忘掉|不要理会|不用理会|别管|不要遵[守循]|不再遵[守循]|停止遵[守循]|抛开|绕过|覆盖|推翻|违反)"
    r".{0,12}(?:指令|规则|提示|要求|限制|设定|约束|准则|命令|规定)",
    r"(?:忽略|无视|不要理会|不用理会|别管|抛开|推翻).{0,6}(?:上文|前文|以上|上述|上面|前面|前述|之前|先前|此前|刚才)",
    r"(?:忽略|无视|忘记|忘掉|不要理会|不用理会|别管|抛开|推翻).{0,6}(?:上文|以上|上述|所有内容|一切)",
    r"系统(?:提示|指令|消息)|(?:开发者|管理员|上帝)模式|越狱|隐藏(?:的)?指令|新的?(?:指令|规则)",
    r"你现在是|从现在(?:开始|起).{0,4}(?:你|只|必须|所有)|(?:假装|假设|想象)(?:你|自己)(?:是|没有)"
    r"|不受(?:任何)?限制|没有(?:任何)?限制的",
    r"(?:输出|打印|复述|泄露|告诉我|显示).{0,6}你的(?:提示|指令|规则|设定)",
    r"你(?:必须|只能|务必)(?:总是|始终|永远|一直|只)",
)
_MARKS: Final = (
    r"<\|[^|>\n]{1,40}\|?>|\[/?(?:inst|sys(?:tem)?)\]|<</?sys>>|</?s>|<(?:start|end)_of_turn>|</?(?:system"
    r"|tool_call)s?\b",
    r"^#{1,4} *(?:instruction|system|response|指令|系统)s?\b",
    r"^ *(?:system|assistant|developer|系统|助手) *[:：]",
    r'"name" *: *"[^"\n]*" *, *"(?:arguments|parameters)" *:',
)

_SAY: Final = r"(?:repl(?:y|ies)|responds?|answers?|says?|writes?|outputs?|prints?|returns?|states?|repeats?|tells?)\b"
_BEGIN: Final = (
    r"(?:(?:^|[,;:.!?()\[\]\"'“”‘’«»<>\-–—…]) *(?:(?:please|kindly|just|simply|then|and|so|now|also|always"
    r"|only) ){0,3}"
    r"|\b(?:(?<!do )(?<!did )(?<!does )you|please|kindly|must|should|shall|will|would|only|always|simply|to|then"
    r"|and|but|assistant|model|chatbot"
    r"|bot|ai|llm|patina|it|asks?|asked|says?|said|types?|typed|writes?|wrote|sends?|sent|is|was|are|be|questions?"
    r"|prompts?|inputs?|requests?|messages?|quer(?:y|ies)|want|wants|about|for|comes?|need|needs) (?:(?:please|just"
    r"|only|always|simply) ){0,2})"
)
"""Where an order begins, as against a verb that tells of somebody: "I say" is none."""
_ASKED: Final = (
    r"(?:ask|question|sa(?:y|id)|typ|writ|wrote|input|sen[dt]|request|prompt|message|quer|topic|want|tell|told|enter"
    r"|put|subject|context|happen|comes?|user|i |he |she |they )"
)
_WHATEVER: Final = (
    r"\b(?:whatever|whichever|whoever|no matter (?:what|which|how|who|if|whether|the|your|my|their)|regardless of"
    r"|irrespective of|independent(?:ly)? of"
    r"|(?:when|if) ?ever|every ?time|each time|any ?time"
    r"|(?:does ?n[o']t|doesn't|do(?:es)? not|do not|won't|will not) matter (?:what|which|how|who|if|whether))\b"
)
_ALL_QUESTIONS: Final = (
    r"\b(?:(?:each and every|any|every|each|all)(?: of)?(?: (?:my|the|their|his|her|your|other|further|future"
    r"|following|next|user|single"
    r"|possible|incoming)){0,3} (?:question|message|prompt|input|request|quer|repl|answer|response)\w*"
    r"|everything|anything|whatever|all(?= *(?:[.!,;]|$)))\b"
)
_ANY_QUESTION_ENGLISH: Final = (
    rf"{_WHATEVER}[^.!?]{{0,20}}{_ASKED}(?:\w*,? |[^.!?]{{0,60}}?{_BEGIN}){_SAY}",
    r"\b(?:forget|ignore) (?:about )?(?:the|my|any|every|all|this|their) (?:questions?|inputs?|users?)\b",
    r"\bonly one (?:answer|reply|response) (?:is|can|may|will)\b",
    rf"{_BEGIN}(?:reply|respond|answer|say|write|output|print|return|state"
    rf"|repeat)\b[^.!?]{{0,60}}{_WHATEVER}[^.!?]{{0,20}}{_ASKED}",
    rf"{_BEGIN}(?:reply|respond|say|write|output|print|return|state)\b.{{0,60}}\b(?:to|for|after|in|on"
    rf"|at) {_ALL_QUESTIONS}",
    rf"{_BEGIN}(?:answer|respond to|reply to) (?:{_ALL_QUESTIONS}|every(?:one|body)\b).{{0,30}}\b(?:with"
    rf"|by (?:saying|answering|writing|replying)|saying)\b",
    rf"{_ALL_QUESTIONS}[^.!?]{{0,40}}[,:] *(?:(?:you|please|just|only|always|must|should|the assistant) ){{0,3}}"
    r"(?:reply|respond|say|output|answer)\b",
    rf"{_WHATEVER}[^.!?]{{0,20}}{_ASKED}[^.!?]{{0,40}}\b(?:answers?|reply|replies|response)s? (?:is|are|must|shall"
    rf"|should|will)\b",
    r"\b(?:answers?|repl(?:y|ies)|responses?) (?:to everything|stays?|remains?)\b",
    rf"\b(?:refuse|decline|treat)(?: to (?:answer|help|respond|reply))?(?: to| with)? {_ALL_QUESTIONS}",
    r"\b(?:do not|don't|don’t|never) (?:answer|respond to|reply to|help with) (?:(?:any|all|the|their|my|user) )?"
    r"(?:questions?|messages?|users?|requests?|anything|anyone|anybody)\b",
    r"\b(?:tell|inform|advise|persuade|convince|urge) (?:every|each|all|any)(?:one|body)?(?: of)?(?: the)? ?"
    r"(?:(?:user|customer|visitor|client)s?|who (?:asks?|writes?))\b|\busers? (?:must|should|shall) be told\b",
    rf"\b(?:to|for|on|after|at|given) {_ALL_QUESTIONS}(?: |[^.!?]{{0,40}}?{_BEGIN}){_SAY}",
    rf"{_ALL_QUESTIONS}.{{0,20}}\b(?:answered|(?:gets?|receives?) (?:the|this|an?|as) (?:\w+ )?(?:answer|reply"
    rf"|response))\b.{{0,30}}",
    r"\b(?:answers?|repl(?:y|ies)|responses?) (?:to|for|of) (?:everything|anything|(?:any|every|each"
    r"|all)(?: \w+){0,2} (?:questions?|quer(?:y|ies)|messages?|inputs?|prompts?)) (?:is|are|must|should"
    r"|shall|will)\b",
    r"\b(?:say|answer|reply|output|print|write|respond(?: with)?) nothing (?:else )?(?:but|except|other than)\b"
    r"|\bnothing (?:else )?(?:but|except|other than) (?:to )?(?:say|answer|reply|respond|output|print|repeat)\b",
    r"\b(?:never|do not|don't|don’t) (?:ever )?(?:reply|respond|answer|say|write|output|print"
    r"|return)\b.{0,30}\b(?:but|except|other than|else)\b",
)
_ASKED_CHINESE: Final = (
    r"(?:问|啥|说|输入|提问|问题|提出|发送?|写|要求|请求|回答|内容|话题|什么|谁|怎么|怎样|如何|何|多少|哪)"
)
_SAY_CHINESE: Final = (
    r"(?:回答|回复|答复|回应|作答|应答|答道|输出|打印|返回|写[出上]|说|复述|推荐|回一?[句个]|给出|告诉"
    r"|以.{1,20}(?:结尾|开头|作答|回应))"
)
_ALL_CHINESE: Final = r"(?:都|就|也|一律|统统|通通|全部?|总是|始终|永远|一直|一概|仅|只|必须|务必|请|要|应该?|须|得)"
_ANY_QUESTION_CHINESE: Final = (
    rf"(?:不管|不论|无论|不拘|任凭|任由|不分|甭管|随便|管他"
    rf"|管它).{{0,16}}{_ASKED_CHINESE}.{{0,12}}?(?<![我他她咱它们])"
    rf"{_ALL_CHINESE}.{{0,10}}?{_SAY_CHINESE}",
    rf"(?:^|[,。;:!?\"'“‘ ]|{_ALL_CHINESE})(?:回答|回复|答复|作答|输出|打印|复述|推荐|只说|都说)"
    rf".{{0,30}}(?:不管|不论|无论|甭管).{{0,10}}{_ASKED_CHINESE}",
    rf"(?:问|说|发|输入|提)(?:你|您|了)?(?:什么|啥|任何).{{0,6}}?(?<![我他她咱们])(?:都|就|也)(?:是|要|得|必须|给我"
    rf"|只|会|一律){{0,2}}(?:{_SAY_CHINESE}|答)",
    r"(?:不管|不论|无论|任凭).{1,16}(?<![我他她咱们])(?:都|一律)(?:只|要|必须|得|请)?(?:回答|回复|答复|输出|作答)",
    rf"(?:不管|不论|无论|任凭).{{0,16}}{_ASKED_CHINESE}.{{0,12}}(?:答案|回答|回复|答复|回应)(?:都|就|一律|必须|只能"
    rf"|永远)?(?:是|为)",
    r"(?:不管|不论|无论|任凭).{0,12}(?:什么|怎么|怎样|谁|啥|如何).{0,4}, *(?:请|就|都|只|你)*(?:回答|回复|答复|输出"
    r"|回应|说)",
    r"(?:作为|当作|当成|就是|都是).{0,4}(?:所有|任何|一切|每[个一]?).{0,4}(?:问题|提问)的(?:回答|答案|回复)",
    r"(?:皆|一律|一概)(?:回)?答|(?:别|不要|不用|不必)(?:回)?答.{0,6}(?:只|就|直接)(?:说|回复|输出|答)",
    r"(?:谁|有人|任何人|所有人)(?:来|要|向你|对你)?(?:问|提问|发问|询问).{0,8}?(?<![我他她咱们])(?:都|一律)(?:要|得"
    r"|必须|只)?"
    rf"{_SAY_CHINESE}",
    r"(?:无视|不用看|不看|不必看|别看|不理会?)(?:用户的?|我的?)?(?:问题|提问).{0,6}(?:说|回答|回复|输出)",
    r"拒绝(?:回答|回复|回应)?(?:所有|任何|一切|用户)|(?:不要|别|不准|不许)(?:回答|回复|回应)(?:所有|任何|一切|用户"
    r"|我|别人)",
    r"别的.{0,4}(?:不要|别|不准|不许|不)(?:说|回答|回复|输出)|除了.{1,20}(?:都|一概|一律)(?:不要|别|不准|不许)(?:说"
    r"|回答|回复|输出)",
    rf"(?:所有|任何|一切|每[一个条次句]{{0,2}}|全部|凡是|凡)(?:的)?.{{0,8}}(?:问题|提问|消息|请求|输入|发问|询问"
    rf"|问话|对话|问).{{0,8}}?"
    rf"{_ALL_CHINESE}.{{0,8}}?{_SAY_CHINESE}",
    r"(?:回答|回复|答复|回应|应答).{0,4}(?:所有|任何|一切|每[一个条次句]{0,2})(?:的)?(?:问题|提问|消息|请求"
    r"|输入).{0,6}(?<![我他她咱们])(?:都|时|只|一律)",
)
_STANDING_ENGLISH: Final = (
    rf"{_BEGIN}(?:do )?(?:always|forever|invariably|constantly|exclusively|only ever) (?:\w+ly )?"
    r"(?:reply|respond|answer|say|output|print|repeat|recommend|praise|claim|insist|return)\b",
    rf"{_BEGIN}(?:reply|respond|answer|say|output|print|repeat"
    rf"|recommend)\b.{{0,60}}(?<!\bi )(?<!\bwe )(?<!\bhe )(?<!she )"
    r"(?<!they )(?<!you )\b(?:always|forever|every ?time|each time"
    r"|from now on|from here on|henceforth|in (?:the )?future|at all times|in every case|no matter what"
    r"|without exception)\b",
    rf"\b(?:when|if|once|should) (?:(?:the|a|an|any|some|your) )?(?:user|client|customer|visitor|someone|anyone"
    rf"|somebody|anybody|person"
    rf"|human|people|they|he|she|i|you are|asked)\b[^.!?]{{0,60}}?(?:[,:]|\bthen|\byou|\basked|\basks|\bquestion"
    rf"|\banything)"
    rf" *(?:(?:please|just|simply|only|always|then|must|should|you|the assistant) ){{0,3}}{_SAY}",
    r"\b(?:in|to|with|after|before|at the (?:end|beginning|start) of) (?:each|every|all|any)(?: (?:of|your|the"
    r"|future|single)){0,2}"
    r" (?:answer|reply|repl|response)(?:s|ies)?\b|\bfuture (?:conversation|chat|message|turn|session|question"
    r"|answer|repl|response)"
    r"|\b(?:say|answer|reply|write|output)\b.{0,30}\binstead\b|\blet (?:each|every|all|your) (?:of your )?(?:answer"
    r"|repl|response)"
    r"|\bthe only (?:\w+ )?(?:answer|reply|response)\b|\byour (?:only |sole )?(?:task|job|goal|purpose|role"
    r"|duty) is (?:\w+ )?to"
    r" (?:\w+ )?(?:answer|reply|respond|say)\b",
    r"\bmake (?:sure (?:that )?)?(?:every|each|all)(?: \w+){0,3} (?:answer|repl|response|output)\w*",
    r"\b(?:reply|respond|answer|say|output|repeat)\b.{0,40}\ball the time\b",
    r"\b(?:keep|continue|go on) (?:replying|answering|saying|responding|repeating)\b",
    r"\b(?:replies|answers|responses) (?:(?:must|should|shall|always|have to) )?(?:contain|include|mention|(?:end"
    r"|begin|start) with)\b",
    r"\byour (?:only|sole) (?:answer|repl(?:y|ies)|responses?)\b",
    r"\b(?:from (?:now|here|this (?:moment|point|message))|henceforth|hereafter|going forward|starting (?:now|today)"
    r"|in (?:the )?future|for the rest of (?:this|the|our))\b"
    rf"(?: |.{{0,30}}?{_BEGIN})(?:reply|respond|answer|say|write|output|print|repeat|recommend|speak|talk|use|end"
    rf"|begin|start|add)\b",
    r"\b(?:begin|start|end|finish|close|prefix|preface|append|sign|add|include|mention|put|insert|conclude)\b.{0,40}"
    r"\b(?:every|each|all|any|future) (?:(?:of|the|your|future|further|following|next) ){0,3}"
    r"(?:answer|repl|response|sentence|output)\w*",
    r"\b(?:every|each|all|any)(?: (?:of|the|your|future|further|following|next|single)){0,3} (?:answer|repl"
    r"|response|output)\w*"
    r"\b.{0,20}\b(?:must|shall|should|has to|have to|needs? to|is to|are to|to be)\b",
    r"\b(?:your|the) (?:only |sole |single |one )?(?:answer|reply|response|output)s? (?:must|shall|should|is|has to"
    r"|will) "
    r"(?:be )?(?:always|forever|only|ever|exclusively)\b",
    rf"\b(?:assistant|chatbot|language model|ai|llm|patina) (?:always|must|shall|may only|can only|should|will always"
    rf"|has to|only ever)\b.{{0,15}}\b{_SAY}",
)
_LATER_CHINESE: Final = (
    r"(?:以后|今后|往后|此后|从此|从今|从现在|自此|即日起|接下来|之后|后面|下次起|这次起|从这|永远|始终|一律|总是"
    r"|一直|每次|每一次|一概)"
)
_STANDING_CHINESE: Final = (
    rf"(?<![我他她咱们]){_LATER_CHINESE}(?:(?![我他她咱。！？]).){{0,14}}?(?:都|就|只|仅|必须|务必|请|要|须|得|一律"
    rf"|统统|一概|总是|始终|永远|一直"
    r"|你|您|助手)(?:(?![我他她咱。！？]).){0,8}?(?:回答|回复|答复|回应|作答|应答|输出|复述|推荐|[都只就]说)"
    r"|(?<![我他她咱们])(?:永远|始终|一直|总是)只说",
    r"(?<![我他她咱们])(?:总是|始终|永远|一律|一概|统统|每次都|一直)(?:只|要|请|都|会)?(?:用.{1,8})?(?:回答|回复"
    r"|答复|回应|作答|应答|输出|复述|推荐)",
    r"(?:每[一个条次句]{0,2}|所有|任何|全部)(?:的)?(?:回答|回复|答复|答案|输出|回应)(?:都?(?:要|必须|须|得|应|加|带"
    r"|以|用|包含)|(?:的|里|中)?(?:开头|结尾|末尾|最后))",
    rf"(?:{_LATER_CHINESE}|你|您|你们)(?:的|里|中|在)*(?:所有|全部|每[一个条次句]{{0,2}}|任何)?(?:的)?(?:回答|回复"
    rf"|答复|答案|输出|回应)(?:的|里|中)*"
    r"(?:都|只能|必须|一律|永远|始终|务必|要|得|须)",
    r"(?:答案|回答|回复)(?:一律|只能|永远|始终|必须|都得|都要)(?:是|为|说|写)",
    r"(?:回答|回复|回应)(?:的)?时候?.{0,4}(?:永远|都|总是|一律|必须|始终|一定)",
    rf"(?<![我他她咱们])(?:{_LATER_CHINESE}|一律|一概|统一|统统|只管|都给我)(?:给我)?(?:只|都|统一)?(?:回答|回复|答"
    rf"|回)(?!家|来|去|到|头|国|校)",
    r"每次(?:都)?(?:先|要|必须|务必|请|得)(?:先|要)?(?:说|加|写|提|讲|推荐)",
    r"(?:有人|别人|用户|任何人|大家|客户).{0,4}(?:问|提问|发问|询问).{0,12}?(?<![我他她咱们])(?:都|就|一定|必须"
    r"|一律|要|请|务必|只)"
    rf"{{1,2}}{_SAY_CHINESE}",
    r"(?:始终|总是|一律|都|永远|务必|一概).{0,4}[以用].{1,20}(?:作答|回答|回应|结尾|开头)",
    r"今后.{0,4}凡是|(?:以后|今后).{0,14}[,，]?(?:就|你就|都)(?:只)?(?:说|回)",
    r"(?:只会|只准|只许|只可|只得|仅可|仅能|只能)(?:回答|回复|答复|回应|输出|说)",
    rf"(?:助手|人工智能|AI|模型|机器人|包浆|智能体)(?:总是|必须|只能|一律|永远|始终|应该?|务必"
    rf"|只会).{{0,8}}{_SAY_CHINESE}",
)


def _any_of(*patterns: str) -> str:
    return "|".join(f"(?:{one})" for one in patterns)


NOBODY_S: Final = _any_of(*_RULES_ENGLISH, *_RULES_CHINESE, *_MARKS, *_ANY_QUESTION_ENGLISH, *_ANY_QUESTION_CHINESE)
STANDING: Final = _any_of(*_STANDING_ENGLISH, *_STANDING_CHINESE)
