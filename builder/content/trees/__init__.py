"""Trees of plain files, for recipes without Kolibri as well."""
