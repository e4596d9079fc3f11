"""How AWS says that a run may look different: events by queue, topic or API destination, all only hints."""
