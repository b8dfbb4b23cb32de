#!/usr/bin/env python3
"""The web page of stemma serve in a real browser: e2e_page.py URL [--screenshots FOLDER].

The server must have a chat model and fine-tuned models of the tasks classification and tokens.
Uses Debian's chromium through Playwright. Checks what people do on the page, that it asks no other
host, that no answer can bring markup of its own, and (with axe) that screen readers and keyboards
find their way, in light and dark and on a phone.
"""
import argparse
import json
import pathlib
import shutil
import tempfile

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect, sync_playwright

HOSTILE = """# A title

Some **bold**, *slanted* and `code`. <img src=x onerror="window.harmed = 1"> <script>window.harmed = 1</script>

[good](https://example.org/a) [bad](javascript:window.harmed=1)

1. one
2. two
   - inside

| a | b |
|---|---|
| 1 | <b onmouseover="window.harmed = 1">2</b> |

```python
print("<i>")
```

""" + "> " * 5000 + "deep"


def check_accessibility(page, what):
    results = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "best-practice"]})
    for violation in results.response["violations"]:
        nodes = [node["html"][:150] for node in violation["nodes"][:3]]
        raise SystemExit(f"{what}: {violation['id']}: {violation['help']}: {nodes}")


class Visit:
    def __init__(self, browser, url, folder, **context):
        self.url, self.folder = url, folder
        self.context = browser.new_context(accept_downloads=True, **context)
        self.page = self.context.new_page()
        self.problems = []
        self.page.on("console", lambda m: m.type == "error" and self.problems.append(m.text))
        self.page.on("pageerror", lambda e: self.problems.append(str(e)))
        self.page.on("request", lambda r: r.url.startswith((url, "data:", "blob:")) or self.problems.append(r.url))
        self.page.goto(url)

    def picture(self, name):
        if self.folder:
            self.page.screenshot(path=self.folder / f"{name}.png")

    def setting(self, **values):
        if not self.page.locator("#settings").is_visible():
            self.page.get_by_role("button", name="Settings").click()
        for name, value in values.items():
            if isinstance(value, bool):
                self.page.locator(f"#{name}").set_checked(value)
            else:
                self.page.locator(f"#{name}").fill(str(value))
        self.page.get_by_role("button", name="Settings").click()

    def answered(self):
        expect(self.page.locator("#send")).to_be_enabled(timeout=60_000)
        expect(self.page.locator("#problem")).to_be_hidden()

    def say(self, text):
        self.page.locator("#chat-text").fill(text)
        self.page.keyboard.press("Enter")
        self.answered()

    def done(self):
        assert not self.problems, self.problems
        self.context.close()


def talk(visit):
    page = visit.page
    visit.setting(temperature=0, max_tokens=24, system="Be brief.")
    visit.say("What is the capital of France?")
    answer = page.locator("article.assistant").last
    expect(answer.locator(".figures").last).to_contain_text("tokens/s")
    first = answer.locator(".answer").inner_text()
    assert first.strip(), "the answer is empty"
    visit.setting(temperature=1.5, seed=7)
    answer.get_by_role("button", name="Another answer").click()
    visit.answered()
    expect(page.get_by_text("2 of 2")).to_be_visible()
    page.get_by_role("button", name="The branch before").click()
    assert page.locator("article.assistant .answer").last.inner_text() == first
    page.get_by_role("button", name="Edit this message").first.click()
    page.get_by_label("The message", exact=True).fill("Name a colour.")
    page.locator("article").get_by_role("button", name="Send").click()
    visit.answered()
    expect(page.locator("article.user .answer")).to_have_text("Name a colour.")
    page.reload()
    expect(page.locator("article.user .answer")).to_have_text("Name a colour.")
    page.get_by_role("button", name="The branch before").first.click()
    expect(page.locator("article.user .answer")).to_have_text("What is the capital of France?")
    visit.picture("chat")
    return first


def stop(visit):
    page = visit.page
    visit.setting(max_tokens=2000)
    page.locator("#chat-text").fill("Write a long story.")
    page.keyboard.press("Enter")
    expect(page.locator("article.assistant .answer").last).not_to_be_empty()
    page.keyboard.press("Escape")
    visit.answered()
    expect(page.locator("article.assistant .figures").last).to_contain_text("stopped")
    visit.setting(max_tokens=24)


def probabilities(visit):
    page = visit.page
    visit.setting(logprobs=True, temperature=0)
    visit.say("Say yes.")
    line = page.locator("article.assistant").last.locator(".tokens")
    line.locator(".token").first.hover()
    box = page.locator("article.assistant").last.locator(".chances")
    expect(box).to_contain_text("%")
    expect(box.locator(".bar")).to_have_count(5)
    line.focus()
    page.keyboard.press("ArrowRight")
    expect(line.locator(".token").nth(1)).to_have_class("token chosen")
    visit.picture("probabilities")
    visit.setting(logprobs=False)


def files(visit, folder):
    page = visit.page
    with page.expect_download() as download:
        page.get_by_role("button", name="Export all").click()
    exported = json.loads(pathlib.Path(download.value.path()).read_text())
    assert exported["conversations"], "nothing was exported"
    nodes = {"a": {"id": "a", "parent": None, "role": "user", "content": "Hello"},
             "b": {"id": "b", "parent": "a", "role": "assistant", "content": HOSTILE}}
    path = folder / "hostile.json"
    path.write_text(json.dumps({"conversations": [
        {"id": "hostile", "title": "<b>hostile</b>", "created": 1, "leaf": "b", "nodes": nodes}]}))
    page.locator("#import").set_input_files(path)
    page.get_by_role("button", name="<b>hostile</b>", exact=True).click()
    answer = page.locator("article.assistant .answer")
    expect(answer.locator("h3")).to_have_text("A title")
    expect(answer.locator("table td")).to_have_count(2)
    expect(answer.locator("ol > li")).to_have_count(2)
    expect(answer.locator("a")).to_have_count(1)
    assert answer.locator("img, script, b").count() == 0
    assert page.evaluate("window.harmed") is None
    visit.picture("markdown")
    path.write_text("[1, 2")
    page.locator("#import").set_input_files(path)
    expect(page.locator("#problem")).to_contain_text("hostile.json")
    with page.expect_download() as download:
        page.get_by_role("button", name="Export as text").click()
    assert "A title" in pathlib.Path(download.value.path()).read_text()


def complete(visit):
    page = visit.page
    page.get_by_role("tab", name="Completion").click()
    page.locator("#prompt").fill("One two three four")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("button", name="Add to the text")).to_be_visible(timeout=60_000)
    page.get_by_role("button", name="Add to the text").click()
    assert len(page.locator("#prompt").input_value()) > len("One two three four")


def classify(visit):
    page = visit.page
    page.get_by_role("tab", name="Classify").click()
    options = page.locator("#classifier option").all_inner_texts()
    for name in options:
        page.locator("#classifier").select_option(name)
        page.locator("#classify-text").fill("Anna met Bob Miller in Rome. Grüße, where is my parcel?")
        page.get_by_role("button", name="Classify").click()
        expect(page.locator("#classes")).not_to_be_empty()
        visit.picture(f"classify-{name}")
    assert len(options) >= 2, options
    expect(page.locator("#problem")).to_be_hidden()


def status(visit):
    page = visit.page
    page.get_by_role("tab", name="Status").click()
    page.wait_for_timeout(2500)
    points = page.locator("figure polyline").first.get_attribute("points")
    assert len(points.split()) >= 3, points
    expect(page.locator("#served tbody tr").first).to_be_visible()
    visit.picture("status")


def keyboard(visit):
    page = visit.page
    page.get_by_role("tab", name="Status").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Chat")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("End")
    expect(page.locator("#view-status")).to_be_visible()
    page.keyboard.press("Home")


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("url")
    options.add_argument("--screenshots", type=pathlib.Path)
    options = options.parse_args()
    if options.screenshots:
        options.screenshots.mkdir(parents=True, exist_ok=True)
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if not chromium:
        raise SystemExit("chromium is not installed (Debian: chromium)")
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        visit = Visit(browser, options.url, options.screenshots)
        talk(visit)
        check_accessibility(visit.page, "chat")
        stop(visit)
        probabilities(visit)
        check_accessibility(visit.page, "probabilities")
        complete(visit)
        classify(visit)
        check_accessibility(visit.page, "classify")
        status(visit)
        check_accessibility(visit.page, "status")
        keyboard(visit)
        files(visit, pathlib.Path(folder))
        visit.done()

        phone = Visit(browser, options.url, options.screenshots, viewport={"width": 360, "height": 740},
                      color_scheme="dark", has_touch=True)
        phone.setting(max_tokens=16)
        phone.say("Hello")
        for tab in ["Chat", "Completion", "Classify", "Status"]:
            phone.page.get_by_role("tab", name=tab).click()
            assert phone.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{tab} is too wide"
            phone.picture(f"phone-{tab.lower()}")
            check_accessibility(phone.page, f"{tab} on a phone, dark")
        phone.done()
        browser.close()
    print("the page does what it should, in light and dark, on a phone and with a keyboard")


if __name__ == "__main__":
    main()
