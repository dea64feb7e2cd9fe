"""Does a task with pydantic-ai, whose model is behind the address in the plan.

    {"url": "...", "model": "...", "task": "...", "stream": false} -> [{"answer": ..., "calls": [...]}]
"""

import json
import sys

from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

plan = json.load(sys.stdin)
provider = OpenAIProvider(base_url=plan["url"], api_key="none")
agent = Agent(OpenAIChatModel(plan["model"], provider=provider))
calls = []


@agent.tool_plain
def locker_code(owner: str) -> str:
    """The code of a locker.

    Args:
        owner: Name of the locker's owner
    """
    calls.append(owner)
    return f"{owner}-4711"


if plan["stream"]:
    answer = "".join(agent.run_stream_sync(plan["task"]).stream_text(delta=True))
else:
    answer = agent.run_sync(plan["task"]).output
json.dump([{"answer": answer, "calls": calls}], sys.stdout)
