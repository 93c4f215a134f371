"""All of learning that a face may ask: where prompts are tested, where versions are handled, what people say of
answers, and what is done meanwhile."""

from __future__ import annotations

from dataclasses import dataclass

from assistant.learning.duels import DuelDesk
from assistant.learning.feedback import Feedback
from assistant.learning.idle import IdleLearning
from assistant.learning.judge import Judge
from assistant.learning.lab import Lab
from assistant.learning.prompt_desk import PromptDesk
from assistant.learning.purpose_learning import PurposeLearning
from assistant.learning.runs import RunBook
from assistant.learning.task_prompts import TaskPrompts


@dataclass(frozen=True, slots=True)
class Workshop:
    lab: Lab
    desk: PromptDesk
    idle: IdleLearning
    judge: Judge
    runs: RunBook
    purposes: PurposeLearning
    task_prompts: TaskPrompts
    feedback: Feedback
    duels: DuelDesk
