"""The local stack: the real template in an AWS emulator, with simulated providers. Never packaged."""
