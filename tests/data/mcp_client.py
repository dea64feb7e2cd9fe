"""Drives an MCP server with the protocol's own Python SDK.

A plan comes on standard input, what happened goes to standard output, both in JSON:

    {"server": {"command": [...], "env": {...}} or {"url": "...", "key": "..."},
     "clients": 1, "steps": [{"client": 0, "do": "call", ...}]}

All clients are connected from the first step to the last.
"""

import asyncio
import contextlib
import json
import sys

import httpx2
from mcp import ClientSession, MCPError, StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client


@contextlib.asynccontextmanager
async def connect(server):
    async with contextlib.AsyncExitStack() as stack:
        if "command" in server:
            command, *args = server["command"]
            parameters = StdioServerParameters(command=command, args=args, env=server["env"])
            streams = await stack.enter_async_context(stdio_client(parameters))
        else:
            headers = {"Authorization": f"Bearer {server['key']}"} if server.get("key") else {}
            http = await stack.enter_async_context(httpx2.AsyncClient(headers=headers, timeout=60))
            streams = await stack.enter_async_context(
                streamable_http_client(server["url"], http_client=http)
            )
        session = await stack.enter_async_context(ClientSession(streams[0], streams[1]))
        await session.initialize()
        yield session


async def take(session, step):
    progress = []

    async def on_progress(_done, _total, message):
        progress.append(message)

    try:
        match step["do"]:
            case "info":
                answer = session.initialize_result
            case "list":
                answer = await session.list_tools()
            case "call":
                answer = await session.call_tool(
                    step["name"], step["arguments"], progress_callback=on_progress
                )
            case "cancel":
                call = session.call_tool(step["name"], step["arguments"])
                try:
                    async with asyncio.timeout(step["after"]):
                        await call
                except TimeoutError:
                    return {"cancelled": True}
            case "resources":
                answer = await session.list_resources()
            case "read":
                answer = await session.read_resource(step["uri"])
            case "read_first":
                uri = (await session.list_resources()).resources[0].uri
                answer = await session.read_resource(uri)
    except MCPError as error:
        return {"error": str(error)}
    answer = answer.model_dump(mode="json", by_alias=True, exclude_none=True)
    if progress:
        answer["progress"] = progress
    return answer


async def main():
    plan = json.load(sys.stdin)
    async with contextlib.AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(connect(plan["server"]))
            for _ in range(plan.get("clients", 1))
        ]
        answers = [await take(clients[step.get("client", 0)], step) for step in plan["steps"]]
    json.dump(answers, sys.stdout)


asyncio.run(main())
