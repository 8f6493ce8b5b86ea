# Enregistrement des caméras, sur la page du site.
recording-title = Enregistrement
recording-lead = Les images restent chez le bailleur, chiffrées sur le disque ; la police n’y a aucun accès. Elles sont à détruire au plus tard 30 × 24 h après la prise de vue.
recording-camera = Caméra
recording-state = État
recording-until = Enregistré jusqu’à
recording-clock = Horloge
recording-off = non configuré
recording-recording = enregistrement en cours
recording-waiting = en attente d’images
recording-stopped = arrêté
recording-disk-full = arrêté : disque plein
clock-sender = heure de la caméra
clock-arrival = heure du serveur, à l’arrivée
clock-offset = écart { $ms } ms
clock-drift = dérive { $ppm } ppm
