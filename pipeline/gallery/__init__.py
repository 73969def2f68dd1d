"""A sweep to look at: one page of all its jobs, playing in step, and one video of them all.

media      what of a job can be looked at, if it may be
cards      a card for each job, out of what lies in its folder
commands   the commands that make a job's video once more
thumbnails posters, and copies of what no browser plays
page       SWEEP/index.html: the cards, live while the sweep runs
mosaic     SWEEP/mosaic.mp4: what is done, side by side
watch      both of them kept true while a sweep runs

Neither torch nor Hydra is imported: the page is there in a fraction of a second. What lies in the
folder may come from anywhere and be half written: it is looked at, never believed.
"""

from __future__ import annotations

from pipeline.gallery.mosaic import write_mosaic
from pipeline.gallery.page import write
from pipeline.gallery.watch import watch_sweep

__all__ = ["watch_sweep", "write", "write_mosaic"]
