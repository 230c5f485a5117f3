"""What podman needs beside itself: variables and secrets at each start, and a store that can be made again."""
