"""The page that shows a guest's screen or serial port in a browser (`/console/`), and noVNC, which draws the screen."""
