"""What holds for all tests."""

from hypothesis import settings

# A busy machine is no bug: hypothesis would else fail what takes longer than 200 ms.
settings.register_profile("themis", deadline=None)
settings.load_profile("themis")
