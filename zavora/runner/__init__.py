"""An exchange on one machine: its home, its servers, its processes, from start to end."""
