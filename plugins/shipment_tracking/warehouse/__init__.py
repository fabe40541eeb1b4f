"""Everything that speaks SQL to the warehouse."""
