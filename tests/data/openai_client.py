"""Drives a server with OpenAI's own Python client.

A plan comes on standard input, what happened goes to standard output, both in JSON:

    {"url": "http://127.0.0.1:8000/v1", "key": "...", "steps": [{"do": "chat", "request": {...}}]}

`chat` and `complete` ask for a whole answer, `stream` and `stream_text` for one that comes in
pieces, which the client puts together; `models` and `model` are the other calls.
"""

import json
import sys

import openai


def answer(completion):
    choice = completion.choices[0]
    message = choice.message
    return {
        "id": completion.id[:9],
        "model": completion.model,
        "content": message.content or None,
        "reasoning": getattr(message, "reasoning_content", None),
        "calls": [
            {"name": call.function.name, "arguments": call.function.arguments, "has_id": call.id.startswith("call_")}
            for call in message.tool_calls or []
        ],
        "finish": choice.finish_reason,
        "usage": completion.usage and completion.usage.model_dump(exclude_none=True),
        "annotations": [a.model_dump() for a in getattr(message, "annotations", None) or []],
    }


def text(completion):
    choice = completion.choices[0]
    usage = completion.usage.model_dump(exclude_none=True)
    return {"object": completion.object, "text": choice.text, "finish": choice.finish_reason, "usage": usage}


def take(client, step):
    do, request = step["do"], step.get("request", {})
    chat = client.chat.completions
    if do == "chat":
        return answer(chat.create(**request))
    if do == "stream":
        # The helper and the plain stream are two ways through the client.
        pieces, own = [], []
        for chunk in chat.create(stream=True, **request):
            extra = (chunk.model_extra or {}).get("glm")
            if extra:
                own.append(extra)
            for choice in chunk.choices:
                pieces.append(choice.delta.content or "")
        with chat.stream(**request) as stream:
            for _ in stream:
                pass
            whole = answer(stream.get_final_completion())
        return {**whole, "streamed": "".join(pieces), "pieces": len(pieces), "glm": own}
    if do == "complete":
        return text(client.completions.create(**request))
    if do == "stream_text":
        chunks = list(client.completions.create(stream=True, **request))
        words = "".join(choice.text for chunk in chunks for choice in chunk.choices)
        finish = [choice.finish_reason for chunk in chunks for choice in chunk.choices][-1]
        return {"text": words, "finish": finish, "pieces": len(chunks)}
    if do == "models":
        return [model.model_dump(exclude_none=True) for model in client.models.list()]
    if do == "model":
        return client.models.retrieve(step["id"]).model_dump(exclude_none=True)
    raise ValueError(do)


def outcome(client, step):
    try:
        return take(client, step)
    except openai.APIError as error:
        body = error.body if isinstance(error.body, dict) else {}
        return {
            "error": type(error).__name__,
            "status": getattr(error, "status_code", None),
            **{key: body.get(key) for key in ("type", "code", "param", "message")},
        }


plan = json.load(sys.stdin)
client = openai.OpenAI(base_url=plan["url"], api_key=plan.get("key", "none"), max_retries=0, timeout=60)
json.dump([outcome(client, step) for step in plan["steps"]], sys.stdout)
