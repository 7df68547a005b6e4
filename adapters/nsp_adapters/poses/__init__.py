"""Pose files of any tracker become the one dataset of :mod:`nsp_core.poses`.

One module per format, whose docstring is the format's memo; :mod:`nsp_adapters.poses.detect` chooses between them by
content. Poses that are already in memory need no reader: :func:`nsp_core.poses.make_poses` takes plain arrays.

Every reader keeps four promises, because a misread here is silent everywhere else:

- Row i is video frame i. Frames that a file leaves out are NaN rows; nothing is closed up.
- A point at exactly ``(0, 0)`` is missing, as in every tracker's export that fills gaps with zeros.
- A file that yields no frame or no animal is an error, never an empty dataset.
- The frame rate is stated or read, never rounded, and the two may not contradict each other.
"""
