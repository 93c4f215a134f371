"""The process that listens to one recording: what a file does to a decoder, it does there.

Its arguments are the model's folder, the recording and the most seconds it may last; its last line is JSON.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any, Final

import numpy as np

_RATE: Final = 16_000
"""Samples a second, as Whisper hears."""
_NICE: Final = 5
_MEMORY: Final = 8_000_000_000


class TooLong(Exception):
    """It lasts longer than it may."""


def main(model: str, recording: str, most_s: float) -> None:
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints is no answer
    _limit()
    try:
        answer = _heard(model, _samples(Path(recording), most_s))
    except TooLong:
        answer = {"reason": "too_long"}
    except MemoryError:
        answer = {"reason": "out_of_memory"}
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


def _samples(recording: Path, most_s: float) -> np.ndarray:
    """The recording in one channel; decoded no further than it may last."""
    import av

    pieces, count = list[np.ndarray](), 0
    resampler = av.AudioResampler(format="s16", layout="mono", rate=_RATE)
    with recording.open("rb") as file, av.open(file, mode="r", metadata_errors="ignore") as container:
        for frame in container.decode(audio=0):
            for one in resampler.resample(frame):
                pieces.append(one.to_ndarray().reshape(-1))
                count += len(pieces[-1])
            if count > most_s * _RATE:
                raise TooLong
    joined = np.concatenate(pieces) if pieces else np.zeros(0, np.int16)
    return joined.astype(np.float32) / 32768.0


def _heard(model: str, samples: np.ndarray) -> dict[str, Any]:
    from faster_whisper import WhisperModel

    # Where a GPU is, the chat model has it.
    whisper = WhisperModel(model, device="cpu", compute_type="int8", local_files_only=True)
    # Silence makes Whisper invent words, and what it heard before makes it repeat itself.
    segments, info = whisper.transcribe(samples, vad_filter=True, condition_on_previous_text=False)
    joint = "" if info.language in {"zh", "ja", "th", "yue"} else " "
    text = joint.join(segment.text.strip() for segment in segments)
    return {"text": text, "language": info.language, "seconds": len(samples) / _RATE}


def _limit() -> None:
    if sys.platform == "win32":
        return
    import resource

    os.nice(_NICE)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]))
