"""Questions of one topic."""

from __future__ import annotations

import openai

from litellm_plugins.simulator import Simulator, SimulatorSettings, reference


async def test_questions_of_one_topic_get_one_answer_each_with_its_own_mark() -> None:
    """As a model says the same to two wordings of a question."""
    topics = {"Where is my card?": "card", "My card has not come": "card", "What is a PIN?": "pin"}
    with Simulator(SimulatorSettings(latency_scale=0, topics=topics)) as simulator:
        client = openai.AsyncOpenAI(base_url=f"{simulator.url}/v1", api_key="any", max_retries=0)
        said = {}
        for text in topics:
            answer = await client.chat.completions.create(
                model="gpt-4o", messages=[{"role": "user", "content": text}], max_tokens=60
            )
            said[text] = (answer.choices[0].message.content or "").replace(reference(text), "")
        await client.close()
    assert said["Where is my card?"] == said["My card has not come"] != said["What is a PIN?"]
