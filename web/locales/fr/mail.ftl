# Courriels. Les mots sont ceux de la convention.
mail-greeting = Bonjour { $name },
mail-requested-subject = Demande d'accès aux images : { $site }
mail-requested-what = { $requester } ({ $service }) demande l'accès en direct aux images de { $site } pour { $hours }. Motif : { $reasons }.
mail-requested-until = Sans réponse avant { $until }, la demande devient caduque : le silence n'est jamais un accord.
mail-requested-link = Regarder les images et décider
mail-opened-operator-subject = Accès accordé : { $site }
mail-opened-operator-what = { $decider } a approuvé votre demande. Les images de { $site } sont accessibles depuis le poste dédié jusqu'à { $until }. Le lien est pour vous seul : le premier poste qui l'utilise est le seul où il fonctionne, tant que la demande est ouverte.
mail-opened-operator-what-urgent = Votre demande a été ouverte aussitôt (mode urgent, avenant { $avenant }, alerte en cours). Les images de { $site } sont accessibles depuis le poste dédié jusqu'à { $until }. Le lien est pour vous seul : le premier poste qui l'utilise est le seul où il fonctionne, tant que la demande est ouverte.
mail-opened-operator-end = Signalez la fin d'intervention dès que les images ne sont plus utiles : la durée accordée est un plafond.
mail-opened-operator-link = Ouvrir les images
mail-opened-landlord-subject = Images partagées : { $site }
mail-opened-landlord-what = { $decider } a approuvé la demande de { $requester } ({ $service }). Les images de { $site } sont partagées jusqu'à { $until }.
mail-opened-landlord-end = Vous pouvez interrompre le partage à tout moment.
mail-opened-landlord-link = Suivre ou interrompre
mail-opened-urgently-subject = Ouverture urgente, sans votre accord préalable : { $site }
mail-opened-urgently-what = { $requester } ({ $service }) voit les images de { $site } depuis maintenant et jusqu'à { $until }. Motif : { $reasons }. Une alerte de votre gardien est en cours et l'avenant { $avenant } permet l'ouverture immédiate : personne n'a décidé.
mail-opened-urgently-cut = Vous pouvez couper à tout instant, d'un seul geste, sur la page de ce lien.
mail-opened-urgently-link = Couper maintenant
mail-refused-subject = Demande refusée : { $site }
mail-refused-what = { $decider } a refusé votre demande d'accès aux images de { $site }. Raison donnée : { $why }
mail-lapsed-subject = Demande caduque : { $site }
mail-lapsed-what = Personne n'a répondu à temps à la demande d'accès aux images de { $site }. Une nouvelle demande est possible.
mail-withdrawn-subject = Demande retirée : { $site }
mail-withdrawn-what = { $requester } ({ $service }) a retiré sa demande d'accès aux images de { $site }. Il n'y a plus rien à décider.
mail-closed-subject = Fin du partage : { $site }
mail-closed-what = Le partage des images de { $site } a pris fin le { $at }. Cause : { $cause }. Durée pendant laquelle des images ont été transmises : { $flowed }.
mail-ticket-link = Voir la demande
mail-cause-expired = durée accordée écoulée
mail-cause-end = fin d'intervention signalée par le CSU
mail-cause-landlord = interrompu par le bailleur ({ $why })
mail-cause-administrator = interrompu par l'administrateur ({ $why })
mail-cause-refused = refusé par le second décideur ({ $why })
mail-cause-condition = une condition de la convention n'est plus remplie ({ $why })
mail-cause-register = le registre ne pouvait plus être écrit
mail-cause-stopped = arrêt du serveur
mail-reason-atteintes-integrite-physique = atteintes à l'intégrité physique
mail-reason-vols = vols
mail-reason-degradations = dégradations
mail-reason-attroupements = attroupements
mail-reason-occupations-abusives = occupations abusives
mail-reason-intervention-police = intervention des services de police
mail-footer = Ouvrir ce lien ne décide de rien : il faut se connecter. Demande { $ticket }.
mail-footer-plain = Courriel automatique : ouvrir ce lien ne décide de rien, il faut se connecter.
mail-renewal-subject = Convention : préavis à partir du { $from } ({ $site })
mail-renewal-what = La convention qui permet le transfert des images de { $site } prend fin le { $end }. Le préavis de trois mois commence le { $from }.
mail-renewal-todo = Sans acte de renouvellement inscrit avant cette fin, plus aucune demande ne sera acceptée et tout transfert en cours sera coupé.
mail-renewal-link = Voir le dossier du site
mail-workstation-expiry-subject = Certificat du poste dédié { $workstation } : fin le { $end }
mail-workstation-expiry-what = Le certificat du poste dédié { $workstation } prend fin le { $end }. Ensuite, ses agents ne pourront ni se connecter ni voir d'images.
mail-workstation-expiry-todo = Délivrez un nouveau certificat avant cette date : révoquez l'ancien, puis « ecluse workstation issue ».
mail-workstation-expiry-link = Voir les postes dédiés

# Point de contrôle du registre, envoyé chaque jour aux signataires.
mail-checkpoint-greeting = Bonjour,
mail-checkpoint-subject = Registre des transmissions : point de contrôle du { $day }
mail-checkpoint-what = Voici le point de contrôle du registre des transmissions au { $day } : { $entries } inscriptions. Conservez ce courriel : il permet de prouver, plus tard et sans faire confiance au serveur, que ces inscriptions n'ont été ni modifiées, ni supprimées, ni remplacées.
mail-checkpoint-how = Pour vérifier une copie du registre : enregistrez ce courriel dans un fichier, puis lancez « ecluse register verify --file REGISTRE.jsonl --checkpoint COURRIEL.txt --key CLÉ » avec la clé publique qui vous a été remise.
mail-checkpoint-key = Clé publique de ce serveur, à comparer avec celle qui vous a été remise : { $key }
mail-checkpoint-footer = Courriel automatique : il ne contient aucun nom et n'appelle pas de réponse.

# Invitation : choisir son mot de passe et enregistrer son second facteur.
mail-invitation-subject = Votre accès à Écluse : à activer
mail-invitation-what = Un compte personnel Écluse est à votre nom, sous l'adresse { $email }. Un administrateur vous invite à choisir votre mot de passe et à enregistrer votre second facteur.
mail-invitation-how = Accepter remplace le mot de passe et le second facteur que vous aviez peut-être déjà. Personne d'autre que vous ne doit connaître votre mot de passe : ne transmettez ce courriel à personne.
mail-invitation-until = Ce lien sert une seule fois, avant le { $until }. Passé ce délai, demandez-en un autre à votre administrateur.
mail-invitation-link = Choisir mon mot de passe
mail-invitation-footer = Ouvrir ce lien ne change rien avant que vous n'ayez validé le formulaire. Si vous n'attendiez pas ce courriel, ne l'ouvrez pas et prévenez votre administrateur.

# Demande d’accès qui attend (article 5)
mail-access-due-subject = Demande d’accès en attente : { $site }
mail-access-due-what = Une demande de droit d’accès d’une personne filmée à { $site } attend depuis vingt jours. La réponse est due avant le { $until }.
mail-access-due-link = Voir les demandes d’accès
