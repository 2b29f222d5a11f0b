"""Files: opened, unpacked and bounded; text whose lines are counted."""
