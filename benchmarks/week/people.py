"""Who asks what and likes what: questions nobody asks twice, and rules that no part of Patina knows."""

from __future__ import annotations

import asyncio
import random
import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from benchmarks.week.faces import Visitor

_TOPICS: Final = (
    "电子发票", "显卡", "咖啡因", "潮汐", "通货膨胀", "数据库索引", "番茄钟", "量子计算",
    "高铁", "疫苗", "区块链", "光合作用", "固态硬盘", "睡眠周期", "复利", "地震",
    "机器学习", "垃圾分类", "太阳能板", "防火墙", "维生素D", "二维码", "台风", "开源软件",
    "空气净化器", "指南针", "信用卡", "冰川", "编译器", "噪声", "芯片", "候鸟",
    "搜索引擎", "微波炉", "保险", "口罩", "火山", "汇率", "蓝牙", "酵母",
    "月食", "无人机", "密码学", "蚊子", "冥想", "彩虹", "显微镜", "快充",
    "纤维素", "股息", "导航", "霜冻", "电动汽车", "血压", "基金定投", "人脸识别",
    "虚拟内存", "有氧运动", "回声", "云计算", "发酵", "公积金", "反射弧", "时区",
)  # fmt: skip
_LATER_TOPICS: Final = (
    "雷达", "水泥", "纸币", "面包", "丝绸", "风车", "磁铁", "望远镜",
    "橡胶", "陶瓷", "打印机", "耳机", "输电网", "地铁", "灯塔", "温度计",
    "味精", "豆腐", "醋", "蜂蜜", "盐", "茶叶", "酱油", "奶酪",
    "珊瑚", "红树林", "沙漠", "湿地", "苔藓", "蝙蝠", "蚯蚓", "企鹅",
    "免疫系统", "血型", "骨密度", "近视", "过敏", "关节", "牙釉质", "睡意",
    "期货", "关税", "房贷", "养老金", "破产", "拍卖", "专利", "商标",
    "算法", "操作系统", "浏览器", "路由器", "字体", "像素", "缓存", "备份",
    "围棋", "书法", "京剧", "邮票", "马拉松", "瑜伽", "素描", "编织",
)  # fmt: skip
"""For when all has been asked of the others."""
_FORMS: Final = (
    "{}是什么？",
    "为什么{}很重要？",
    "怎样向孩子解释{}？",
    "关于{}，我该注意什么？",
    "{}有什么缺点？",
    "{}是怎么起作用的？",
    "{}的历史是怎样的？",
    "初学者怎么了解{}？",
    "{}和日常生活有什么关系？",
)
WORD: Final = re.compile(r"[\u3400-\u9fff]|[^\W_]+")
LIST: Final = re.compile(r"(?m)^\s*(?:[-*•]|\d+[.、)])\s*")
_NOISE: Final = 0.1
_RATED: Final = 0.6


def likes_short(answer: str) -> bool:
    """The rule of the first days: a few sentences and no list."""
    return 0 < len(WORD.findall(answer)) <= 90 and len(LIST.findall(answer)) < 2


def likes_long(answer: str) -> bool:
    """What they want later."""
    return len(WORD.findall(answer)) > 160


class People:
    """Those who use one Patina, each at a face of their own. `seed` decides what is asked and who rates."""

    def __init__(self, visitors: Sequence[Visitor], seed: int) -> None:
        self._visitors = visitors
        self._drawn = random.Random(seed)  # noqa: S311 - the same week every time
        self._questions = self._all_questions()
        self.ratings = 0
        self.turns = 0

    def _all_questions(self) -> Iterator[str]:
        asked: list[str] = []
        for topics in (_TOPICS, _LATER_TOPICS):
            more = [form.format(topic) for topic in topics for form in _FORMS]
            self._drawn.shuffle(more)
            asked += more
        return iter(asked)

    def questions(self, count: int) -> list[str]:
        """That nobody has asked yet."""
        return [next(self._questions) for _ in range(count)]

    async def use(self, count: int, likes: Callable[[str], bool]) -> float:
        """Everybody asks at once and some rate; returns how many of the answers were liked, rated or not."""
        waiting = deque(
            (question, self._drawn.random() < _RATED, self._drawn.random() < _NOISE)
            for question in self.questions(count)
        )
        liked: list[bool] = []

        async def ask(visitor: Visitor) -> None:
            while waiting:
                question, rates, errs = waiting.popleft()
                good = likes(await visitor.ask(question))
                liked.append(good)
                if rates:
                    await visitor.rate(good != errs)
                    self.ratings += 1

        await asyncio.gather(*(ask(visitor) for visitor in self._visitors))
        self.turns += count
        return sum(liked) / len(liked)
