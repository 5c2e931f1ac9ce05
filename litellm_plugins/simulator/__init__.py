"""A local provider: a real HTTP server that speaks the providers' wire protocols and bills nobody.

| endpoint                                           | protocol                                          |
|----------------------------------------------------|---------------------------------------------------|
| `POST /v1/chat/completions`, `/v1/embeddings`      | OpenAI                                            |
| `POST /v1/responses`, `/v1/responses/input_tokens` | OpenAI; no hosted tools, and no reading back      |
| `POST /v1/completions`                             | OpenAI's legacy one; no limit where none is given |
| `POST /v1/messages`, `/v1/messages/count_tokens`   | Anthropic, with its prompt cache; no thinking     |
| `GET /v1/models`                                   | OpenAI                                            |
| `/v1/files`, `/v1/batches`                         | OpenAI; chat completions only                     |

The same conversation with the same model and sampling parameters gets the same words on each of them, streamed
or not: an answer that came from the wrong one's cache cannot be told by its words, one to another question can.

For the demo, for trying settings, for tests and for benchmarks. It imports neither litellm nor any other
part of this package, so that what it proves about the proxy does not rest on the proxy's code.

Faults on demand, to see what the proxy makes of them. Put one or more words, separated by spaces or commas,
in the header `x-simulator-fault`, or write each as `simulator:WORD` in the last user message (not for
embeddings and token counts, which a message's text may pass through on its way):

| word             | what happens                                                                            |
|------------------|-----------------------------------------------------------------------------------------|
| `error:STATUS`   | that HTTP status (400 to 599) with the provider's error body; 429 carries `retry-after` |
| `disconnect`     | the connection drops half way through the body                                          |
| `silent_end`     | half of the body, closed as if it were whole: a stream without its final event          |
| `stall:SECONDS`  | nothing, headers included, is sent for that long (at most 600 s)                        |
| `truncate`       | half of the answer, with finish reason `length`                                         |
| `loop:TOKENS`    | so many tokens (at most 100,000) that say the same sentence again and again             |
| `pause:SECONDS`  | half way through a stream, nothing is sent for that long (at most 600 s)                |
| `content_filter` | half of the answer, with finish reason `content_filter`                                 |
"""

from litellm_plugins.simulator.answers import reference
from litellm_plugins.simulator.app import build_app
from litellm_plugins.simulator.server import Simulator, SimulatorProcess
from litellm_plugins.simulator.settings import SimulatorSettings

__all__ = ["Simulator", "SimulatorProcess", "SimulatorSettings", "build_app", "reference"]
