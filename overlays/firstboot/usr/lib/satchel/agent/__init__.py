"""The boot test's hand inside the device: answers on a virtio-serial port that exists only in a virtual machine."""
