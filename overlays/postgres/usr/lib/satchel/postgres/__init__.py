"""The PostgreSQL server of this device: its data made once, its roles and databases as the recipe says."""
