"""Makes the device's package `seed` importable, as the builder does."""

import builder.identity  # noqa: F401
