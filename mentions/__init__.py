"""The ear and the mouth: hears platforms, sends answers. Stands above `helpdesk`."""
