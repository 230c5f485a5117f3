"""A content stick: new channels from a USB stick, signed, copied and switched to as a whole or not at all."""
