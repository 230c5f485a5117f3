"""What the person wrote: loaded with line marks, merged, validated as a whole, frozen. Knows nothing of the machine."""
