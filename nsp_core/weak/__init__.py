"""Labels for every frame from a handful of annotated bouts: labeling functions and what their votes say together."""
