"""What an operator does with the device's certificate."""
