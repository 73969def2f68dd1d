"""What a network sees in a picture and in its dream: which classes, where, and by which parts."""
