"""Dream over a video: the way of a frame.

    source   decodes a picture                                            (CPU, ahead in a thread)
    cuts     says where a new shot begins
    flow     finds where each pixel was one frame ago
    camera   prescribes where each pixel was one frame ago
    warp     carries the last dream layer along both onto the picture     (device)
    dreamer  climbs the gradient of an objective of a model's activations
    encoder  writes the dream, and at the end the sound beside it         (ffmpeg)

`pipeline.render.render` is that way as one loop. This module imports nothing.
"""
