"""A mouth and ears: espeak-ng speaks, pocketsphinx hears, with a grammar made of an interaction model.

It is no evidence of how well Alexa hears. It shows that the sentences of the model can be told apart by their sound.
"""

from __future__ import annotations

import ctypes
import math
import random
from array import array
from collections.abc import Iterable, Iterator
from typing import Any

import espeakng_loader
from pocketsphinx import Decoder

from integrations.playground.echo.model import Intent, InteractionModel
from integrations.playground.echo.words import words

RATE = 16_000
NOISE_DB = 28.0
"""How far below the voice the noise is. Without any, the digital silence between words is misheard."""
_NUMBERS = ("one", "two", "three", "four", "five", "seven", "twelve")
_HEARD = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
_SYNCHRONOUS, _UTF8 = 2, 1


class Mouth:
    """Speaks with espeak-ng's voices, as `en-us` or `en-us+f2`, over a floor of noise."""

    def __init__(self, seed: int = 7) -> None:
        self._espeak = ctypes.CDLL(espeakng_loader.get_library_path())
        data = espeakng_loader.get_data_path().encode()
        self._rate = self._espeak.espeak_Initialize(_SYNCHRONOUS, 0, data, 0)
        assert self._rate > 0, "espeak-ng finds no voices"
        self._said = array("h")
        self._callback = _HEARD(self._take)
        self._espeak.espeak_SetSynthCallback(self._callback)
        self._random = random.Random(seed)

    def _take(self, samples: Any, count: int, _events: Any) -> int:
        if count > 0:
            self._said.extend(samples[:count])
        return 0

    def say(self, text: str, voice: str = "en-us") -> bytes:
        """Give 16-bit samples at `RATE`."""
        assert self._espeak.espeak_SetVoiceByName(voice.encode()) == 0, f"there is no voice {voice}"
        del self._said[:]
        spoken = text.encode()
        self._espeak.espeak_Synth(spoken, len(spoken) + 1, 0, 1, 0, _UTF8, None, None)
        return self._noisy(_resampled(self._said, self._rate)).tobytes()

    def _noisy(self, samples: list[float]) -> array[int]:
        pause = [0.0] * (RATE // 4)
        loud = math.sqrt(sum(each * each for each in samples) / max(1, len(samples)))
        floor = loud / 10 ** (NOISE_DB / 20)
        gauss = self._random.gauss
        return array("h", (_short(each + gauss(0, floor)) for each in (*pause, *samples, *pause)))


def _short(value: float) -> int:
    return max(-32768, min(32767, round(value)))


def _resampled(samples: array[int], rate: int) -> list[float]:
    """Take samples between the given ones, in straight lines."""
    step = rate / RATE
    found = []
    for number in range(int((len(samples) - 1) / step)):
        whole, part = divmod(number * step, 1)
        at = int(whole)
        found.append(samples[at] * (1 - part) + samples[at + 1] * part)
    return found


class Ears:
    """Hears what the model's sentences allow, and nothing else: what is none of them is taken for the nearest."""

    def __init__(self, model: InteractionModel) -> None:
        self._decoder = Decoder(samprate=RATE, loglevel="FATAL", lm=None)
        self._decoder.add_jsgf_string("model", grammar(model, self.knows))
        self._decoder.activate_search("model")

    def knows(self, word: str) -> bool:
        """Tell whether the dictionary has the word."""
        return self._decoder.lookup_word(word) is not None

    def hear(self, sound: bytes) -> str:
        """Give the words."""
        self._decoder.start_utt()
        self._decoder.process_raw(sound, full_utt=True)
        self._decoder.end_utt()
        heard = self._decoder.hyp()
        return heard.hypstr if heard else ""


def grammar(model: InteractionModel, known: Any) -> str:
    """Write the model's sentences as a JSGF grammar; sentences with words that can't be heard are left out."""
    rules = {each.name: _alternatives(_names(each.values), known) for each in model.language.types}
    rules["NUMBER"] = " | ".join(_NUMBERS)
    name = " ".join(words(model.language.invocation_name))
    said = [
        line for intent in model.language.intents for sample in intent.samples for line in _line(intent, sample, known)
    ]
    lines = [f"public <said> = [ alexa ask {name} to ] <wish> | alexa open {name} | yes | no | cancel | help ;"]
    lines += [f"<wish> = {' | '.join(dict.fromkeys(said))} ;"]
    lines += [f"<{key}> = {value} ;" for key, value in rules.items() if value]
    return "\n".join(["#JSGF V1.0;", "grammar model;", *lines, ""])


def _names(values: Iterable[Any]) -> Iterator[str]:
    for value in values:
        yield from value.spoken


def _alternatives(names: Iterable[str], known: Any) -> str:
    spoken = (words(name) for name in names)
    return " | ".join(dict.fromkeys(" ".join(name) for name in spoken if name and all(map(known, name))))


def _line(intent: Intent, sample: str, known: Any) -> Iterator[str]:
    parts = []
    for part in sample.replace("{", " {").replace("}", "} ").split():
        if part.startswith("{"):
            slot = intent.slot(part[1:-1])
            assert slot
            parts.append(f"<{'NUMBER' if slot.type == 'AMAZON.NUMBER' else slot.type}>")
        else:
            spoken = words(part)
            if not all(map(known, spoken)):
                return
            parts.extend(spoken)
    yield " ".join(parts)
