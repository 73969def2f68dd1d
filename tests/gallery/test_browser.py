"""pipeline.gallery's page in a browser: Chromium, from the disk and from a plain server."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from helpers.pages import Visit, served
from helpers.sweeps import clip, finish, leave, plan, run_on
from playwright.sync_api import Browser, Page, sync_playwright

from pipeline.gallery import write
from pipeline.gallery.cards import cards, plan_of, printable_text
from pipeline.storage.lock import locked
from pipeline.sweep.plan import JobState, Status

CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.alone,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium"),
]
QUIET = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
         "--disable-background-networking")  # fmt: skip
FIGURES = {"look=a": (2.0, 0.03), "look=b": (10.0, 0.02), "look=c": (3.0, 0.01)}
"""Gain and flicker of the jobs of `sweep`: 10 comes behind 3, though not by letters."""
COLOURS = ("red", "green", "blue")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield started
        started.close()


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Six seconds each, so that no test meets the end of the round by chance."""
    folder = tmp_path_factory.mktemp("clips")
    return [clip(folder / f"{name}.mp4", colour=name, seconds=6) for name in COLOURS]


@pytest.fixture
def sweep(tmp_path: Path, clips: list[Path]) -> Path:
    """Three that are done, one that failed, one that was not begun."""
    folder = tmp_path / "two words"
    jobs = plan(folder, *([f"look={name}"] for name in "abcde"))
    for job, media in zip(jobs, clips, strict=False):
        gain, flicker = FIGURES[job.name]
        finish(folder / job.name, media, frames=150, gain={"mean": gain}, flicker=flicker)
    leave(
        folder / "look=d", Status(JobState.FAILED, "objective.layers: no such layer", "dream.mp4")
    )
    return folder


Go = Callable[..., Visit]


@pytest.fixture
def go(browser: Browser, tmp_path: Path) -> Iterator[Go]:
    """Opens a sweep's page: go(sweep, "file" or "http", settings of the browser's context)."""
    with ExitStack() as stack:

        def opened(sweep: Path, way: str = "file", before: str = "", **settings: Any) -> Visit:
            context = browser.new_context(**settings)
            stack.callback(context.close)
            context.set_default_timeout(20_000)
            visit = Visit(context.new_page())
            if before:
                visit.page.add_init_script(before)
            address = (sweep / "index.html").as_uri()
            visit.page.goto(address if way == "file" else stack.enter_context(served(sweep)))
            visit.page.wait_for_selector(".card", state="attached")
            return visit

        yield opened


MOVING = """() => {
  const videos = [...document.querySelectorAll('#grid video')];
  return videos.length === 3 && videos.every(video => video.currentTime > 0.5 && !video.paused);
}"""


@pytest.mark.parametrize("way", ["file", "http"])
def test_the_page_plays_from_the_disk_and_from_a_server_without_a_complaint(
    way: str, sweep: Path, go: Go
) -> None:
    write(sweep)
    visit = go(sweep, way)
    visit.page.wait_for_function(MOVING)
    assert visit.names() == [f"look={name}" for name in "abcde"]
    assert visit.page.locator("#state").inner_text() == "5 jobs · 3 done · 1 failed · 1 not started"
    assert visit.page.locator(".failed .why").inner_text() == "objective.layers: no such layer"
    assert visit.said == []
    home = (visit.page.url.rpartition("/")[0] + "/", "blob:", "data:")
    assert [url for url in visit.asked if not url.startswith(home)] == []


@pytest.mark.parametrize("way", ["file", "http"])
def test_videos_play_in_step_and_come_back_to_it(way: str, sweep: Path, go: Go) -> None:
    """Within 0.1 s: two or three pictures."""
    write(sweep)
    page = go(sweep, way).page
    page.wait_for_function(MOVING)
    page.evaluate("document.querySelectorAll('#grid video')[1].currentTime += 1.5")
    page.wait_for_timeout(300)
    spread = """() => {
      const times = [...document.querySelectorAll('#grid video')].map(v => v.currentTime);
      return Math.max(...times) - Math.min(...times);
    }"""
    # at once: by its speed alone it would take five seconds
    page.wait_for_function(f"() => ({spread})() < 0.1", timeout=3000)
    page.wait_for_timeout(1000)
    assert sorted(page.evaluate(spread) for _ in range(9))[4] < 0.1  # the median: it may wrap
    page.keyboard.press(" ")
    page.wait_for_timeout(500)
    assert page.evaluate(spread) < 0.02
    before = page.evaluate("document.querySelector('video').currentTime")
    page.keyboard.press(".")
    page.wait_for_timeout(500)
    after = page.evaluate("document.querySelector('video').currentTime")
    assert 0.01 < after - before < 0.081  # to the middle of the next picture, of 0.04 s each
    assert page.evaluate(spread) < 0.005


def test_two_hundred_jobs_are_there_in_two_seconds_and_load_only_what_is_seen(
    tmp_path: Path, clips: list[Path], go: Go
) -> None:
    jobs = plan(tmp_path / "s", *([f"look={a}", f"seed={b}"] for a in range(10) for b in range(20)))
    for index, job in enumerate(jobs):
        finish(tmp_path / "s" / job.name, clips[index % 3], frames=150)
    write(tmp_path / "s")
    visit = go(tmp_path / "s")
    page = visit.page
    page.wait_for_function("() => document.querySelectorAll('.card').length === 200")
    assert page.evaluate("performance.now()") < 2000  # milliseconds since the navigation began
    page.wait_for_function("() => document.querySelector('video').currentTime > 0")
    loaded = page.locator("video").count()
    assert 3 <= loaded <= 24
    page.mouse.wheel(0, 100_000)
    page.wait_for_function("() => document.querySelectorAll('.card')[199].querySelector('video')")
    page.wait_for_function("() => !document.querySelectorAll('.card')[0].querySelector('video')")
    page.locator("#size").fill("140")
    page.wait_for_timeout(1000)
    assert page.locator("video").count() <= 48
    assert visit.said == []


def test_jobs_are_sorted_by_settings_and_by_figures(sweep: Path, go: Go) -> None:
    write(sweep)
    visit = go(sweep)
    page = visit.page
    page.select_option("#sort", "gain")
    assert visit.names() == ["look=a", "look=c", "look=b", "look=d", "look=e"]
    page.click("#turn")
    assert visit.names() == ["look=b", "look=c", "look=a", "look=d", "look=e"]
    page.select_option("#sort", "=look")
    assert visit.names() == [f"look={name}" for name in "edcba"]
    page.select_option("#sort", "flicker")
    assert visit.names()[:3] == ["look=a", "look=b", "look=c"]


def test_jobs_are_filtered_by_settings_states_and_figures(sweep: Path, go: Go) -> None:
    write(sweep)
    visit = go(sweep)
    page = visit.page
    page.click("#filter")
    page.get_by_role("group", name="look").get_by_text("a", exact=True).click()
    page.get_by_role("group", name="look").get_by_text("d", exact=True).click()
    assert visit.names() == ["look=a", "look=d"]
    page.get_by_role("group", name="state").get_by_text("failed", exact=True).click()
    assert visit.names() == ["look=d"]
    assert page.locator("#state").inner_text().startswith("1 of 5 shown")
    page.get_by_label("Minimum gain").fill("2.5")
    assert visit.names() == []
    page.click("#all")
    assert len(visit.names()) == 5
    page.get_by_label("Minimum gain").fill("2.5")
    page.get_by_label("Maximum flicker").fill("0.015")
    assert visit.names() == ["look=c"]


@pytest.mark.parametrize("storage", ["there", "refused"])
def test_favourites_outlive_the_page_where_there_is_storage(
    storage: str, sweep: Path, go: Go
) -> None:
    write(sweep)
    refuse = "Object.defineProperty(window, 'localStorage', {get() { throw new Error('no'); }})"
    visit = go(sweep, before=refuse if storage == "refused" else "")
    page = visit.page
    page.locator(".card").nth(1).hover()
    page.locator(".star").nth(1).click()
    page.click("#starred")
    assert visit.names() == ["look=b"]
    page.reload()
    page.wait_for_selector("#state:not(:empty)")
    assert page.get_attribute("#starred", "aria-pressed") == "true"  # by the address
    assert visit.names() == (["look=b"] if storage == "there" else [])
    assert visit.said == []


def test_one_is_looked_at_large_by_keys_alone(sweep: Path, go: Go) -> None:
    write(sweep)
    visit = go(sweep, "http", permissions=["clipboard-read", "clipboard-write"])
    page = visit.page
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog[open] video")
    assert page.locator("dialog h2.name").inner_text() == "b"
    page.keyboard.press("ArrowRight")
    assert page.locator("dialog h2.name").inner_text() == "c"
    assert "10.00" not in page.locator("dialog aside").inner_text()
    assert "3.00" in page.locator("dialog aside").inner_text()
    page.get_by_role("button", name="Copy the command", exact=True).click()
    page.get_by_role("button", name="Copied").wait_for()
    card = list(cards(sweep, plan_of(sweep)))[2]
    assert page.evaluate("navigator.clipboard.readText()") == card.again
    assert card.again.startswith("dreamreel 'from=") or card.again.startswith("dreamreel from=")
    page.locator("summary").click()
    assert "  octaves: 4" in page.locator("details pre").inner_text()
    page.keyboard.press("Escape")
    # The browser tells of the closing a moment after it; the focus follows what was shown last.
    page.wait_for_selector(".card[data-name='look=c'] .open:focus")
    assert page.locator("dialog[open]").count() == 0
    assert page.get_attribute("#play", "aria-pressed") == "true"
    page.keyboard.press(" ")
    assert page.get_attribute("#play", "aria-pressed") == "false"
    assert visit.said == []


def test_a_table_has_a_line_for_each_job_and_sorts_by_its_headings(sweep: Path, go: Go) -> None:
    write(sweep)
    visit = go(sweep)
    page = visit.page
    page.select_option("#view", "table")
    assert page.locator("#grid").is_hidden()

    def column(at: int) -> list[str]:
        return list(page.locator(f"#table tbody td:nth-child({at})").all_inner_texts())

    assert column(2) == list("abcde")
    assert [cell[:-1] for cell in column(4)] == ["2.00", "10.00", "3.00", "", ""]
    page.get_by_role("button", name="gain", exact=True).click()
    assert column(2) == list("acbde")
    page.get_by_role("button", name="gain ↑", exact=True).click()
    assert column(2) == list("bcade")
    assert page.locator("th[aria-sort=descending]").inner_text() == "gain ↓"
    page.get_by_role("button", name="Open look c, done").click()
    assert page.locator("dialog h2.name").inner_text() == "c"
    assert visit.said == []


def test_jobs_lie_in_rows_and_columns_by_two_settings(
    tmp_path: Path, clips: list[Path], go: Go
) -> None:
    words = [(f"look={look}", f"seed={seed}") for look in ("fur", "eyes") for seed in (10, 9)]
    jobs = plan(tmp_path / "s", *words[:3])
    for job, media in zip(jobs, clips, strict=True):
        finish(tmp_path / "s" / job.name, media, frames=150)
    write(tmp_path / "s")
    visit = go(tmp_path / "s")
    page = visit.page
    page.wait_for_function("document.querySelectorAll('#grid video').length === 3")
    page.evaluate("window.before = [...document.querySelectorAll('#grid .card')]")
    page.select_option("#view", "cross")
    headings = "all => all.map(one => one.textContent)"
    # texts stay in the order of the command, numbers are sorted
    assert page.eval_on_selector_all(".heading.row-name", headings) == ["fur", "eyes"]
    assert page.eval_on_selector_all(".heading.column", headings) == ["9", "10"]
    cells = "all => all.map(one => [...one.children].map(card => card.dataset.name))"
    assert page.eval_on_selector_all(".cell", cells) == [
        ["look=fur,seed=9"], ["look=fur,seed=10"], [], ["look=eyes,seed=10"],
    ]  # fmt: skip
    page.select_option("#rows", "1")
    page.select_option("#columns", "0")
    assert page.eval_on_selector_all(".heading.row-name", headings) == ["9", "10"]
    page.select_option("#view", "videos")
    assert page.evaluate("window.before.every(card => card.parentElement.id === 'grid')")
    assert len(visit.names()) == 3
    assert visit.said == []


def test_the_address_leads_back_to_what_was_shown(sweep: Path, go: Go) -> None:
    write(sweep)
    visit = go(sweep)
    page = visit.page
    page.select_option("#view", "table")
    page.select_option("#sort", "gain")
    page.click("#turn")
    page.click("#filter")
    page.get_by_role("group", name="state").get_by_text("done", exact=True).click()
    page.get_by_label("Maximum gain").fill("5")
    page.get_by_role("button", name="Open look a, done").click()
    page.wait_for_url("**job=look%3Da**")
    again = go(sweep).page
    again.goto(page.url)
    again.reload()
    assert again.locator("dialog h2.name").inner_text() == "a"
    again.keyboard.press("Escape")
    assert again.locator("#table tbody td:nth-child(2)").all_inner_texts() == ["c", "a"]
    assert again.input_value("#view") == "table"
    assert again.locator("#state").inner_text().startswith("2 of 5 shown")
    again.goto(again.url.partition("#")[0] + "#view=nothing&sort=%3Cb%3E&job=none&rows=x&least+x=1")
    again.reload()
    again.wait_for_selector(".card")
    assert again.input_value("#view") == "videos"
    assert visit.said == []


def test_notes_stay_and_are_saved_with_the_favourites(sweep: Path, go: Go) -> None:
    write(sweep)
    visit = go(sweep)
    page = visit.page
    assert page.locator("#save").is_hidden()
    page.locator(".card .open").nth(2).click()
    page.get_by_label("Note").fill("calm, f and c are letters here")
    page.keyboard.press("Escape")
    assert page.locator(".card .note").nth(2).inner_text() == "calm, f and c are letters here"
    # closing gives the focus to what was shown, a moment later
    page.wait_for_selector(".card[data-name='look=c'] .open:focus")
    page.locator(".card .open").nth(0).focus()
    page.keyboard.press("f")
    with page.expect_download() as download:
        page.click("#save")
    assert download.value.suggested_filename == "two words-notes.json"
    assert json.loads(download.value.path().read_text("utf-8")) == {
        "sweep": "two words",
        "jobs": [
            {"job": "look=a", "favourite": True, "note": "", "settings": {"look": "a"}},
            {"job": "look=c", "favourite": False, "note": "calm, f and c are letters here",
             "settings": {"look": "c"}},
        ],
    }  # fmt: skip
    page.reload()
    assert page.locator(".card .note").nth(2).inner_text() == "calm, f and c are letters here"
    assert visit.said == []


def test_every_pixel_is_shown_in_large_size_and_help_by_a_key(sweep: Path, go: Go) -> None:
    write(sweep)
    visit = go(sweep)
    page = visit.page
    page.keyboard.press("?")
    assert page.locator("#manual").is_visible()
    assert "painted on" in page.locator("#meanings").inner_text()
    page.keyboard.press("Escape")
    page.locator(".card .open").nth(0).click()
    page.wait_for_selector("dialog video.there")
    width = "document.querySelector('dialog video').getBoundingClientRect().width"
    assert page.evaluate(width) > 400
    page.keyboard.press("z")
    assert page.evaluate(width) == 160
    page.keyboard.press("z")
    assert page.evaluate(width) > 400
    assert visit.said == []


def test_a_slider_divides_the_source_from_the_result(
    sweep: Path, clips: list[Path], go: Go
) -> None:
    """Red is the result of the first job, and green, to the left of the slider, its source."""
    shutil.copy(clips[1], sweep / "look=a" / "dream.mp4.render" / "source.mp4")
    write(sweep)
    visit = go(sweep)
    page = visit.page
    page.locator(".card .open").nth(0).click()
    page.wait_for_selector("dialog video.there")
    assert page.locator(".source").count() == 0
    page.keyboard.press("s")
    page.wait_for_selector(".source video.there")
    page.wait_for_function("""() => {
      const [one, other] = document.querySelectorAll('dialog video');
      return one.currentTime > 0.3 && Math.abs(one.currentTime - other.currentTime) < 0.1;
    }""")
    for percent in (50, 20):
        page.locator(".wipe").fill(str(percent))
        assert green_share(page) == pytest.approx(percent / 100, abs=0.02)
    page.keyboard.press("z")
    sizes = "[...document.querySelectorAll('dialog video')].map((one) => one.offsetWidth)"
    assert page.evaluate(sizes) == [160, 160]
    page.keyboard.press("z")
    page.locator(".wipe").press("ArrowRight")  # moves the slider
    assert page.locator(".wipe").input_value() == "20.1"
    page.locator("[data-tool=next]").click()
    assert page.locator("[data-tool=source]").count() == 0
    assert visit.said == []


def green_share(page: Page) -> float:
    """The share of the middle row of the large picture that is green."""
    shot = page.locator(".pane").screenshot()
    picture: Any = cv2.imdecode(np.frombuffer(shot, np.uint8), cv2.IMREAD_COLOR)
    row = picture[picture.shape[0] * 3 // 4].astype(int)
    green, red = row[:, 1] - row[:, 2] > 60, row[:, 2] - row[:, 1] > 60
    return float(green.sum() / (green.sum() + red.sum()))


def test_two_are_compared_side_by_side_in_step(sweep: Path, go: Go) -> None:
    write(sweep)
    page = go(sweep).page
    page.locator(".open").first.click()
    page.keyboard.press("c")
    page.keyboard.press("ArrowRight")
    assert page.locator("figcaption").all_inner_texts() == ["look a", "look c"]
    page.wait_for_function("""() => {
      const [one, other] = document.querySelectorAll('dialog video');
      return one.currentTime > 0.3 && Math.abs(one.currentTime - other.currentTime) < 0.1;
    }""")
    page.keyboard.press("Escape")
    page.wait_for_function("() => !document.querySelector('dialog video')")


HOSTILE = (
    "<script>window.hit=1</script>", '"><img src=x onerror=window.hit=1>', "{{7*7}}",
    "</script><script>window.hit=1</script>", "<!--<script>", "a\u202egpj.exe\x1b[31m\u2028",
    "javascript:window.hit=1", "' onmouseover='window.hit=1", "</title></style>", "${window.hit=1}",
)  # fmt: skip


@pytest.mark.parametrize("way", ["file", "http"])
def test_hostile_words_are_shown_and_do_nothing(
    way: str, tmp_path: Path, clips: list[Path], go: Go
) -> None:
    sweep = tmp_path / "<img src=x onerror=window.hit=1>"
    jobs = plan(sweep, *([f"{word}=1", f"look={word}"] for word in HOSTILE))
    for index, (job, word) in enumerate(zip(jobs, HOSTILE, strict=True)):
        if index % 2:
            work = leave(sweep / job.name, Status(JobState.FAILED, word, "dream.mp4", device=word))
            (work / "recipe.yaml").write_text("\n".join(HOSTILE))
        else:
            finish(sweep / job.name, clips[0], line=word, device=word)
    write(sweep, live=True)
    visit = go(sweep, way)
    page = visit.page
    page.click("#filter")
    for index in range(len(HOSTILE)):
        page.locator(".open").nth(index).evaluate("button => button.click()")
        page.locator("summary").click()
        page.keyboard.press("Escape")
    page.wait_for_timeout(1500)  # live.js comes after one second
    assert page.evaluate("window.hit") is None
    assert page.locator("script, img[src=x], [onmouseover]").count() == 2
    assert page.locator(".card.failed .why").first.inner_text() == HOSTILE[1]
    text = page.locator("#grid").inner_text()
    for word in HOSTILE:
        assert printable_text(word) in text
    assert "49" not in text
    assert visit.said == []


TRUSTED = "; require-trusted-types-for 'script'; trusted-types dreamreel"
TRICKS = (
    "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=window.hit=1>')",
    "document.body.setAttribute('onclick', 'window.hit=1'); document.body.click()",
    "document.body.append(Object.assign(document.createElement('iframe'), {src: 'other.js'}))",
    "document.body.append(Object.assign(document.createElement('img'), {src: 'http://[::1]:9/'}))",
)


@pytest.mark.parametrize("trusted", [True, False])
def test_the_policy_lets_nothing_run_that_is_not_ours(trusted: bool, sweep: Path, go: Go) -> None:
    """Also where a browser knows no Trusted Types."""
    path = write(sweep)
    text = path.read_text("utf-8")
    assert TRUSTED in text
    if not trusted:
        path.write_text(text.replace(TRUSTED, ""), encoding="utf-8")
    visit = go(sweep)
    (sweep / "other.js").write_text("window.hit = 1")
    # scripts made by a script are as good as that one, but for Trusted Types
    ours_alone = (
        "document.body.append(Object.assign(document.createElement('script'), {text: 'hit=1'}))",
        "document.body.append(Object.assign(document.createElement('script'), {src: 'other.js'}))",
        "trustedTypes.createPolicy('mine', {createScriptURL: s => s}); window.hit = 1",
    )
    tricks = (*TRICKS, *ours_alone) if trusted else TRICKS
    for trick in tricks:
        visit.page.evaluate(f"() => {{ try {{ {trick} }} catch {{}} }}")
    visit.page.wait_for_timeout(500)
    assert visit.page.evaluate("window.hit") is None
    assert len(visit.said) >= len(tricks)  # each was refused, and said so


@pytest.mark.parametrize("way", ["file", "http"])
def test_news_come_while_the_sweep_runs_and_take_nothing_away(
    way: str, sweep: Path, clips: list[Path], go: Go
) -> None:
    job = sweep / "look=e"
    run_on(job, clips[0], 20)
    with locked(job):
        write(sweep)
        visit = go(sweep, way, viewport={"width": 500, "height": 500})
        page = visit.page
        page.select_option("#sort", "gain")
        page.locator("#size").fill("400")
        page.click("#filter")
        page.get_by_role("group", name="state").get_by_text("failed", exact=True).click()
        page.get_by_role("group", name="state").get_by_text("running", exact=True).click()
        page.get_by_role("group", name="state").get_by_text("done", exact=True).click()
        page.click("#filter")
        page.mouse.wheel(0, 250)
        page.wait_for_function("() => scrollY > 200")
        page.wait_for_selector("[data-name='look=c'] video")
        page.evaluate("document.querySelector('[data-name=\"look=c\"] video').mine = true")
        assert "20 of 50 frames" in page.locator(".running .mark").inner_text()
        there = page.evaluate("scrollY")
        run_on(job, clips[0], 30)
        write(sweep)
        page.wait_for_function(
            "() => document.querySelector('.running .mark').textContent.includes('30 of')"
        )
        assert page.evaluate("document.querySelector('[data-name=\"look=c\"] video').mine")
    finish(job, clips[1], frames=150, gain={"mean": 2.5})
    write(sweep)
    page.wait_for_function("() => !document.querySelector('.running')")
    assert visit.names() == ["look=a", "look=e", "look=c", "look=b", "look=d"]
    assert page.input_value("#sort") == "gain"
    assert page.get_attribute("#play", "aria-pressed") == "true"
    assert abs(page.evaluate("scrollY") - there) < 450  # at most by the card that came in between
    page.wait_for_timeout(500)
    asked = len([url for url in visit.asked if "live.js" in url])
    assert asked >= 2
    page.wait_for_timeout(4500)  # it asked every three seconds
    assert len([url for url in visit.asked if "live.js" in url]) == asked
    assert visit.said == []


def test_whoever_wants_little_motion_starts_it_himself(sweep: Path, go: Go) -> None:
    write(sweep)
    page = go(sweep, reduced_motion="reduce").page
    page.wait_for_function("() => document.querySelectorAll('video.there').length === 3")
    page.wait_for_timeout(500)
    assert page.evaluate("[...document.querySelectorAll('video')].every(v => v.paused)")
    page.click("#play")
    page.wait_for_function(MOVING)


def test_a_phone_shows_all_of_it_and_is_touched(sweep: Path, go: Go) -> None:
    write(sweep)
    size = {"width": 360, "height": 740}
    page = go(sweep, viewport=size, has_touch=True, is_mobile=True).page
    page.tap("#filter")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.tap("#filter")
    page.locator(".open").first.tap()
    page.wait_for_selector("dialog[open] video")
    assert page.evaluate("document.querySelector('aside').scrollWidth") <= 360
    page.tap("dialog .pane")
    assert page.get_attribute("#play", "aria-pressed") == "false"
    page.get_by_role("button", name="Close (Esc)").tap()
    page.wait_for_selector("dialog:not([open])", state="attached")


def test_everything_that_is_pressed_has_a_name(sweep: Path, go: Go) -> None:
    write(sweep)
    page = go(sweep).page
    page.click("#filter")
    page.locator(".open").first.click()
    nameless = page.evaluate("""() => [...document.querySelectorAll('button, input, select, a')]
      .filter(e => !e.hidden && !(e.getAttribute('aria-label') || e.textContent.trim()))
      .map(e => e.outerHTML)""")
    assert nameless == []


def test_without_scripts_the_page_is_a_list(sweep: Path, browser: Browser) -> None:
    write(sweep)
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((sweep / "index.html").as_uri())
    assert page.locator("noscript a").count() == 3
    assert page.locator("noscript a").first.get_attribute("href", timeout=1000) is not None
    context.close()
