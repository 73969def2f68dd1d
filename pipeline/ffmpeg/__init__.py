"""The bundled ffmpeg: processes, probing, decode filters, containers, tracks, sound."""
