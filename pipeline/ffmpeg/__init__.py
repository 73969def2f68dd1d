"""The bundled ffmpeg: processes, probing, decode filters, containers, tracks, audio features."""
