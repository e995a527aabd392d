"""What is known of people: taken away when they ask for it, and when its time is over."""
