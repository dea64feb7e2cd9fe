"""Drives Chromium over its DevTools protocol, through a pipe.

    {"chromium": "chromium", "size": [900, 900], "mobile": false, "dark": false, "steps": [...]}

Steps, which lead to a list of outcomes, one each:

    {"do": "open", "url": ...}          goes to a page
    {"do": "wait", "js": ...}           until the expression is true
    {"do": "eval", "js": ...}           what the expression gives
    {"do": "type", "text": ...}         into what has the focus
    {"do": "press", "key": ...}         a key, such as Enter
    {"do": "click", "on": ...}          the middle of the element of this selector
    {"do": "picture", "to": ...}        of the page as it is, into a file
    {"do": "console"}                   errors, warnings and exceptions so far
"""

import base64
import json
import os
import subprocess
import sys
import tempfile
import time

PATIENCE = 60
KEYS = {"Enter": 13, "Escape": 27, "Tab": 9}


class Browser:
    def __init__(self, plan, profile):
        to_browser, self.out = os.pipe()
        self.incoming, from_browser = os.pipe()
        # The protocol is at the descriptors 3 and 4 of the browser.
        start = f'exec "$@" 3<&{to_browser} 4>&{from_browser}'
        flags = [
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--remote-debugging-pipe", f"--user-data-dir={profile}",
            f"--window-size={plan['size'][0]},{plan['size'][1]}", "about:blank",
        ]
        self.process = subprocess.Popen(
            ["bash", "-c", start, "browser", plan["chromium"], *flags],
            pass_fds=(to_browser, from_browser),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(from_browser)
        self.number, self.rest, self.console = 0, b"", []
        targets = self.call("Target.getTargets")["targetInfos"]
        page = next(target for target in targets if target["type"] == "page")
        attach = {"targetId": page["targetId"], "flatten": True}
        self.session = self.call("Target.attachToTarget", attach)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.page(f"{domain}.enable")
        width, height = plan["size"]
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": plan["mobile"]}
        self.page("Emulation.setDeviceMetricsOverride", metrics)
        scheme = "dark" if plan["dark"] else "light"
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.page("Emulation.setEmulatedMedia", {"features": features})

    def message(self):
        while b"\0" not in self.rest:
            data = os.read(self.incoming, 1 << 16)
            if not data:
                raise RuntimeError("the browser has gone")
            self.rest += data
        message, self.rest = self.rest.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, params=None, session=None):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params or {}}
        if session:
            message["sessionId"] = session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.message()
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self.event(answer)

    def event(self, message):
        method, params = message.get("method"), message.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.console.append(str(params["exceptionDetails"]))
        if method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.console.append(params["entry"]["text"])
        if method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning"):
            self.console.append(str(params["args"]))

    def page(self, method, params=None):
        return self.call(method, params, self.session)

    def eval(self, js):
        params = {"expression": js, "returnByValue": True, "awaitPromise": True}
        result = self.page("Runtime.evaluate", params)
        if "exceptionDetails" in result:
            raise RuntimeError(f"{js}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def take(self, step):
        do = step["do"]
        if do == "open":
            self.page("Page.navigate", {"url": step["url"]})
            return self.wait("document.readyState === 'complete'")
        if do == "wait":
            return self.wait(step["js"])
        if do == "eval":
            return self.eval(step["js"])
        if do == "type":
            return self.page("Input.insertText", {"text": step["text"]})
        if do == "press":
            return self.press(step["key"])
        if do == "click":
            box = self.eval(
                "(() => { const box = document.querySelector(%s).getBoundingClientRect();"
                " return [box.x + box.width / 2, box.y + box.height / 2]; })()" % json.dumps(step["on"])
            )
            for kind in ("mousePressed", "mouseReleased"):
                at = {"type": kind, "x": box[0], "y": box[1], "button": "left", "clickCount": 1}
                self.page("Input.dispatchMouseEvent", at)
            return None
        if do == "picture":
            picture = self.page("Page.captureScreenshot", {"format": "png"})
            with open(step["to"], "wb") as file:
                file.write(base64.b64decode(picture["data"]))
            return None
        if do == "console":
            return self.console
        raise ValueError(do)

    def press(self, key):
        event = {"key": key, "code": key, "windowsVirtualKeyCode": KEYS[key]}
        down = {"type": "keyDown", **event, **({"text": "\r"} if key == "Enter" else {})}
        self.page("Input.dispatchKeyEvent", down)
        self.page("Input.dispatchKeyEvent", {"type": "keyUp", **event})

    def wait(self, js):
        end = time.monotonic() + PATIENCE
        while not self.eval(f"Boolean({js})"):
            if time.monotonic() > end:
                raise RuntimeError(f"it is not so: {js}\n{self.eval('document.body.innerText')}\n{self.console}")
            time.sleep(0.02)

    def close(self):
        self.process.kill()
        self.process.wait()


plan = json.load(sys.stdin)
with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
    browser = Browser(plan, profile)
    try:
        outcomes = [browser.take(step) for step in plan["steps"]]
    finally:
        browser.close()
json.dump([outcome if outcome != {} else None for outcome in outcomes], sys.stdout)
