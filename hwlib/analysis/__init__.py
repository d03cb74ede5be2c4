"""What reports say beyond their figures: comparisons, waterfalls, timelines, growth over the years, the memory wall."""
