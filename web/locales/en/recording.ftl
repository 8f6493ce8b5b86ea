# Recording of the cameras, on the site's page.
recording-title = Recording
recording-lead = The images stay with the landlord, encrypted on disk; the police have no access to them. They are to be destroyed no later than 30 × 24 h after they were taken.
recording-camera = Camera
recording-state = State
recording-until = Recorded until
recording-clock = Clock
recording-off = not configured
recording-recording = recording
recording-waiting = waiting for images
recording-stopped = stopped
recording-disk-full = stopped: disk full
clock-sender = the camera’s time
clock-arrival = the server’s time, on arrival
clock-offset = off by { $ms } ms
clock-drift = drifting by { $ppm } ppm
