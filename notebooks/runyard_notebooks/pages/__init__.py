"""What each page shows: `load` asks the server for it and blocks, the rest makes fragments of it and asks nothing."""
