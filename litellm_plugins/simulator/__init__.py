"""A local provider: a real HTTP server that speaks a provider's wire protocol and bills nobody.

For the demo, for trying settings, for tests and for benchmarks. It imports neither litellm nor any other
part of this package, so that what it proves about the proxy does not rest on the proxy's code.

Faults on demand, to see what the proxy makes of them. Put one or more words, separated by spaces or commas,
in the header `x-simulator-fault` (chat and embeddings), or write each as `simulator:WORD` in the last user
message of a chat:

| word             | what happens                                                                            |
|------------------|-----------------------------------------------------------------------------------------|
| `error:STATUS`   | that HTTP status (400 to 599) with the provider's error body; 429 carries `retry-after` |
| `disconnect`     | the connection drops half way through the body                                          |
| `stall:SECONDS`  | nothing, headers included, is sent for that long (at most 600 s)                        |
| `truncate`       | half of the answer, with finish reason `length`                                         |
| `content_filter` | half of the answer, with finish reason `content_filter`                                 |
"""

from litellm_plugins.simulator.answers import reference
from litellm_plugins.simulator.app import build_app
from litellm_plugins.simulator.server import Simulator, SimulatorProcess
from litellm_plugins.simulator.settings import SimulatorSettings

__all__ = ["Simulator", "SimulatorProcess", "SimulatorSettings", "build_app", "reference"]
