"""Gallery of a sweep: one page of all its jobs, playing in step, and one video of all of them.

media      the files of a job that can be shown
cards      a card for each job, read from its folder
commands   the commands that render a job's video again
convert    conversion of files by ffmpeg
thumbnails posters, and copies of what no browser plays
page       SWEEP/index.html: the cards, live while the sweep runs
mosaic     SWEEP/mosaic.mp4: the finished videos side by side
watch      updates of page and mosaic while a sweep runs

Neither torch nor Hydra is imported, so the page is written in a fraction of a second. The files in
the folder may come from anywhere and be incomplete: they are validated, never trusted.
"""

from __future__ import annotations

from pipeline.gallery.mosaic import write_mosaic
from pipeline.gallery.page import write
from pipeline.gallery.watch import watch_sweep

__all__ = ["watch_sweep", "write", "write_mosaic"]
