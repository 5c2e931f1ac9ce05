"""What is said to a request, how fast and with which fault: the same for every endpoint that answers in words."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from litellm_plugins.simulator.answers import Answer, Prompt, answer
from litellm_plugins.simulator.faults import HEADER, Fault, parse_fault, raise_if_failing
from litellm_plugins.simulator.latency import Pace, draw_pace
from litellm_plugins.simulator.paced import Part
from litellm_plugins.simulator.settings import SimulatorSettings
from litellm_plugins.simulator.tokens import Tokenizer, tokenizer_for
from litellm_plugins.simulator.wire import Call

_TOKENS_PER_CHUNK = 3


@dataclass(frozen=True, slots=True)
class Spoken:
    """The answers to one request, in the order of its prompts and choices."""

    answers: tuple[Answer, ...]
    pace: Pace
    fault: Fault
    tokenizer: Tokenizer

    @property
    def tokens(self) -> int:
        return sum(each.tokens for each in self.answers)

    @property
    def due_s(self) -> float:
        """When the last word of the longest answer is due: several are spoken side by side."""
        return self.pace.due_s(max(each.tokens for each in self.answers))


def speak(call: Call, prompts: Sequence[Prompt], choices: int = 1) -> Spoken:
    """`choices` answers to each prompt.

    Raises:
        RequestError: the header or a question asks for an error.
    """
    first = prompts[0]
    fault = parse_fault(call.headers.get(HEADER, ""), "\n".join(prompt.question for prompt in prompts))
    raise_if_failing(fault)
    tokenizer = tokenizer_for(first.model)
    about = [_about(prompt, call.settings) for prompt in prompts]
    answers = tuple(answer(prompt, choice, tokenizer, fault) for prompt in about for choice in range(choices))
    drawn = draw_pace(first.model, first.seed, call.settings.latency_scale)
    half = max(each.tokens for each in answers) // 2
    pace = Pace(drawn.first_token_s + fault.stall_s, drawn.token_s, fault.pause_s, half)
    return Spoken(answers, pace, fault, tokenizer)


def _about(prompt: Prompt, settings: SimulatorSettings) -> Prompt:
    """Questions of one topic get one answer, each with its own mark, as a model says the same to the same question."""
    prompt = replace(prompt, scripted=settings.script(prompt.model, prompt.question))
    topic = settings.topics.get(prompt.question)
    if topic is None:
        return prompt
    return replace(prompt, seed=hashlib.sha256(b"topic" + topic.encode("utf-8", "surrogatepass")).digest())


def in_groups(texts: Sequence[str], tokenizer: Tokenizer) -> Iterator[tuple[str, int]]:
    """The texts a few tokens at a time, with how many."""
    pieces = [piece for text in texts for piece in tokenizer.split(text)]
    for start in range(0, len(pieces), _TOKENS_PER_CHUNK):
        group = pieces[start : start + _TOKENS_PER_CHUNK]
        yield "".join(group), len(group)


def timed(events: Iterable[tuple[bytes, int]], pace: Pace) -> Iterator[Part]:
    """Events with the tokens that each carries: each is due once its tokens have been spoken."""
    spoken = 0
    for data, tokens in events:
        spoken += tokens
        yield Part(data, pace.due_s(spoken), tokens)
