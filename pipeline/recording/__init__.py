"""The work folder of a render: segments, spool, checkpoint, fingerprint, output."""
