# Pages. Les mots sont ceux de la convention.
skip = Aller au contenu
nav-label = Navigation principale
nav-home = Accueil
nav-tickets = Demandes
nav-sessions = Sessions en direct
nav-connections = Connexions
nav-sites = Sites et caméras
nav-register = Registre
nav-people = Personnes
nav-mails = Courriels (démo)
logout = Se déconnecter
live-on = À jour
live-off = Liaison perdue, nouvel essai…
cancel = Annuler
until = jusqu’à
nobody = personne
actor-system = Le système

month-1 = janv.
month-2 = févr.
month-3 = mars
month-4 = avr.
month-5 = mai
month-6 = juin
month-7 = juil.
month-8 = août
month-9 = sept.
month-10 = oct.
month-11 = nov.
month-12 = déc.

role-operator = Agent du CSU
role-chief = Chef de service du CSU
role-decider = Titulaire ou suppléant
role-guard = Référent sûreté
role-dpo = Délégué à la protection des données
role-administrator = Administrateur
role-auditor = Auditeur

reason-atteintes-integrite-physique = Atteintes à l’intégrité physique
reason-vols = Vols
reason-degradations = Dégradations
reason-attroupements = Attroupements
reason-occupations-abusives = Occupations abusives
reason-intervention-police = Intervention des services de police (nationale ou municipale)

condition-site-unknown = le site n’existe plus
condition-service-changed = le service destinataire a changé
condition-convention-not-valid = la convention n’est plus en vigueur
condition-requester-not-designated = l’agent n’est plus désigné dans l’annexe
condition-viewer-not-designated = la personne n’est plus désignée dans l’annexe
condition-workstation-revoked = le poste dédié a été révoqué
condition-camera-detached = une caméra a été retirée du site

banner-read-only = Registre en lecture seule.
banner-read-only-text = Pas de trace, pas de transfert : aucun accès ne peut être ouvert et les transferts en cours ont été coupés.
banner-reserve = Disque plein : le registre écrit sur sa réserve. Prévenez l’administrateur.
banner-stopping = Le serveur s’arrête. Les transferts en cours sont coupés.

notice-filed = Demande d’accès transmise. Titulaire et suppléant sont prévenus par courriel.
notice-approved = Demande approuvée : le transfert est ouvert.
notice-refused = Demande refusée.
notice-withdrawn = Demande retirée.
notice-ended = Fin d’intervention enregistrée : les images sont coupées.
notice-interrupted = Transfert interrompu.
notice-interrupted-in = Transfert interrompu : dernière image envoyée { $cut } après la décision.
notice-session-cut = Session coupée.
notice-session-cut-in = Session coupée : dernière image envoyée { $cut } après la décision.
notice-second-factor-reset = Second facteur réinitialisé : la personne en enregistrera un nouveau à sa prochaine connexion.
notice-logged-out = Vous êtes déconnecté.

# Connexion
login-title = Connexion
login-lead = Compte personnel, jamais partagé.
login-button = Se connecter
login-refused = Adresse, mot de passe ou code incorrect.
login-too-many = { $n ->
    [one] Trop d’essais. Attendez une seconde avant de recommencer.
   *[other] Trop d’essais. Attendez { $n } secondes avant de recommencer.
}
login-expired = Votre session a pris fin. Reconnectez-vous pour continuer.
login-demo = Comptes de démonstration
login-demo-text = Cliquez sur un compte pour remplir le formulaire. Ces comptes n’existent que dans la démonstration.
email = Adresse e-mail
password = Mot de passe
code = Code à 6 chiffres
second-factor-title = Second facteur
second-factor-lead = Saisissez le code affiché par votre application d’authentification.
second-factor-recovery = Téléphone perdu ? Saisissez un de vos codes de secours.
second-factor-button = Valider
second-factor-back = Revenir à la connexion
second-factor-refused = Code incorrect, ou déjà utilisé. Attendez le code suivant.
enrol-title = Enregistrer un second facteur
enrol-lead = Chaque personne prouve son identité par un mot de passe et un code. Cette étape n’a lieu qu’une fois.
enrol-scan = Avec une application d’authentification (FreeOTP, Google Authenticator, Microsoft Authenticator…), lisez ce code :
enrol-qr = QR code du second facteur ; la clé est écrite dessous en toutes lettres
enrol-type = Sans appareil photo, saisissez cette clé :
enrol-open = Ouvrir dans une application de cet appareil
enrol-then = Saisissez le code à 6 chiffres qu’elle affiche.
recovery-title = Codes de secours
recovery-lead = Notez ces codes et gardez-les hors de cet ordinateur. Chacun remplace une fois le code de l’application.
recovery-once = Ils ne seront plus jamais affichés. S’ils sont perdus avec le téléphone, l’administrateur réinitialise le second facteur.
recovery-done = Je les ai notés

# Personnes
people-title = Personnes
people-lead = Les personnes désignées et leur moyen de connexion. Chaque changement est écrit au registre.
col-role = Rôle
col-second-factor = Second facteur
second-factor-since = enregistré le
second-factor-none = à enregistrer à la prochaine connexion
recovery-left = { $n ->
    [0] aucun code de secours
    [one] { $n } code de secours
   *[other] { $n } codes de secours
}
second-factor-reset = Réinitialiser
second-factor-reset-title = Réinitialiser le second facteur ?
second-factor-reset-text = La personne est déconnectée partout et enregistre un nouveau second facteur à sa prochaine connexion. Assurez-vous de son identité. La raison est écrite au registre.

# Erreurs
error-400-title = Demande incomprise
error-400-text = Le serveur n’a pas compris cette demande. Revenez en arrière et recommencez.
error-401-title = Connexion nécessaire
error-401-text = Connectez-vous pour continuer.
error-403-title = Accès refusé
error-403-text = Votre rôle ne permet pas cette action, ou la page est restée ouverte trop longtemps. Rechargez-la et recommencez.
error-404-title = Page introuvable
error-404-text = Il n’y a rien à cette adresse, ou ce n’est pas pour vous.
error-405-title = Action impossible
error-405-text = Cette adresse ne permet pas cette action.
error-409-title = Ce n’est plus possible
error-409-text = L’état a changé entre-temps. Rechargez la page pour voir où en est la demande.
error-410-title = C’est terminé
error-410-text = Ce qui était ouvert ne l’est plus. Une nouvelle demande est possible si besoin.
error-413-title = Envoi trop volumineux
error-413-text = Le serveur n’accepte pas un envoi de cette taille.
error-422-title = Saisie incorrecte
error-422-text = Une valeur n’est pas acceptable. Revenez en arrière et corrigez-la.
error-429-title = Trop de demandes
error-429-text = Attendez un instant avant de recommencer.
error-500-title = Erreur du serveur
error-500-text = Le serveur n’a pas pu répondre. L’incident est dans son journal ; prévenez l’administrateur s’il se répète.
error-503-title = Service indisponible
error-503-text = Rien ne peut être accordé pour l’instant. Réessayez dans un moment.
error-reference = Référence à donner à l’administrateur :
error-back = Retour

# Accueil
home-hello = Bonjour { $name }
home-lead-operator = Demandez l’accès aux images, suivez vos demandes, signalez la fin d’intervention.
home-lead-chief = Suivez les transferts accordés à votre service.
home-lead-decider = Regardez, décidez, interrompez : vous seul et votre binôme décidez des transferts.
home-lead-guard = Suivez les transferts en cours et interrompez-les si nécessaire.
home-lead-dpo = Consultez le registre des transmissions.
home-lead-administrator = Surveillez les sessions et les caméras, coupez si nécessaire. Vous ne voyez aucune image.
home-lead-auditor = Consultez le registre des transmissions.
home-ask = Nouvelle demande d’accès
home-pending = { $n ->
    [one] demande en attente
   *[other] demandes en attente
}
home-open = { $n ->
    [one] transfert ouvert
   *[other] transferts ouverts
}
home-sessions = { $n ->
    [one] session en direct
   *[other] sessions en direct
}
home-entries = { $n ->
    [one] écriture au registre
   *[other] écritures au registre
}
home-cameras = caméras en ligne
cameras-online = caméras en ligne

# Demandes
tickets-title = Demandes d’accès
tickets-pending = En attente de décision
tickets-pending-none = Aucune demande en attente.
tickets-open = Transferts ouverts
tickets-open-none = Aucun transfert ouvert.
tickets-past = Terminées
tickets-past-none = Rien encore.
asked-at = demandé à
lapses-in = Caduque dans
time-left = Reste
ask-title = Nouvelle demande d’accès
ask-no-site = Vous n’êtes désigné pour aucun patrimoine. Adressez-vous au bailleur.
ask-site = Patrimoine
ask-reasons = Motif (au moins un)
ask-duration = Durée
ask-duration-hint = De 2 à 12 heures. C’est un plafond : signalez la fin d’intervention dès que les images ne servent plus.
ask-email = Votre adresse e-mail
ask-email-mine = C’est la mienne
ask-email-hint = Saisissez ou confirmez l’adresse de votre compte : { $email }
ask-button = Envoyer la demande d’accès
ask-note = Un titulaire ou un suppléant du bailleur décide. Sans réponse en 15 minutes, la demande devient caduque.

state-requested = En attente de décision
state-refused = Refusée
state-lapsed = Caduque
state-withdrawn = Retirée
state-voided = Annulée
state-open = Transfert ouvert
state-expired = Durée écoulée
state-ended = Intervention terminée
state-interrupted = Interrompu par le bailleur
state-cut = Coupé par l’administrateur
state-refused-after = Refusé après ouverture
state-condition = Coupé : condition non remplie
state-register-failure = Coupé : registre indisponible
state-server-stopped = Coupé : arrêt du serveur

meaning-requested = La demande attend la décision d’un titulaire ou d’un suppléant du bailleur. Le silence n’est jamais un accord.
meaning-refused = { $who } a refusé la demande.
meaning-lapsed = Personne n’a répondu à temps. Une nouvelle demande est possible.
meaning-withdrawn = La demande a été retirée par l’agent avant toute décision.
meaning-voided = Une condition de la convention n’est plus remplie ; la demande est annulée.
meaning-open = Les images sont accessibles depuis le poste dédié. Aucun enregistrement n’est possible.
meaning-expired = La durée accordée est écoulée ; les images sont coupées.
meaning-ended = { $who } a signalé la fin d’intervention ; les images sont coupées.
meaning-interrupted = { $who } a interrompu le transfert pour le bailleur ; les images sont coupées.
meaning-cut = { $who } (administration) a coupé le transfert.
meaning-refused-after = { $who } a refusé alors que le transfert était ouvert : le refus l’emporte, les images sont coupées.
meaning-condition = Une condition de la convention n’est plus remplie ; les images sont coupées.
meaning-register-failure = Le registre ne pouvait plus être écrit : pas de trace, pas de transfert.
meaning-server-stopped = Le serveur s’est arrêté pendant le transfert. Il n’est jamais repris de lui-même.

ticket-changed = La demande a changé d’état :
open-until = Ouvert jusqu’à
watch-button = Regarder les images
watch-title = Images en direct
watch-back = Retour à la demande
withdraw-button = Retirer la demande
withdraw-title = Retirer la demande ?
withdraw-text = Personne n’aura plus à décider. Une nouvelle demande reste possible.
end-button = Fin d’intervention
end-title = Fin d’intervention ?
end-text = Les images sont coupées aussitôt, pour tous les postes. Une nouvelle demande sera nécessaire pour les revoir.
fact-who = Demandeur
fact-why = Motif
fact-length = Durée demandée
fact-until-if = si approuvé maintenant, jusqu’à
fact-where = Patrimoine
fact-asked = Demandé le
fact-opened = Ouvert le
fact-ended = Terminé le
fact-flowed = Images transmises pendant
fact-by = par { $name }
preview-title = Les images, maintenant
approve-button = Approuver
refuse-button = Refuser
refuse-title = Refuser la demande
refuse-text = La raison est écrite au registre et montrée à l’agent.
decision-note = Votre regard sur les images est écrit au registre. Approuver n’oblige pas la police à intervenir.
interrupt-button = Interrompre
interrupt-title = Interrompre le transfert
interrupt-text = Les images sont coupées aussitôt, pour tous les postes. La raison est écrite au registre et montrée à l’agent.
why-label = Raison
history-title = Écrit au registre

watch-end-requested = En attente de décision
watch-end-refused = Demande refusée
watch-end-lapsed = Demande caduque
watch-end-withdrawn = Demande retirée
watch-end-voided = Demande annulée
watch-end-open = Aucune image à montrer
watch-end-expired = Transfert expiré
watch-end-ended = Intervention terminée
watch-end-interrupted = Interrompu par le bailleur
watch-end-cut = Coupé par l’administrateur
watch-end-refused-after = Refusé par le bailleur
watch-end-condition = Transfert coupé
watch-end-register-failure = Transfert coupé : registre indisponible
watch-end-server-stopped = Transfert coupé : le serveur s’est arrêté
full-screen = Plein écran
wall-back = Toutes les caméras
wall-keys = Touches 1 à 9 : agrandir une caméra · flèches : la suivante · Échap : toutes les caméras · F : plein écran. Aucun enregistrement, aucune capture (article 4).
tile-enlarge = Agrandir

# Mots du lecteur ; les accolades simples sont remplies par la page
player-connecting = Connexion au serveur…
player-live = En direct
player-reconnecting = Réseau perdu, reprise en cours…
player-waiting = En attente de l’image
player-unreachable = Caméra injoignable
player-frozen = Image figée
player-age = il y a
player-cipher = chiffrement par tronçon, AES-256
player-cipher-unknown = chiffrement par tronçon, AES-256 imposé par le serveur (ce navigateur ne le montre pas)
player-weak-title = Chiffrement insuffisant
player-weak-text = Ce navigateur n’a pas négocié AES-256. Les images ont été arrêtées. Utilisez le poste dédié.
player-lost-title = Réseau perdu
player-lost-text = La liaison avec le serveur est coupée. La page réessaie d’elle-même tant que la demande est ouverte.
player-gave-up-title = Reprise impossible
player-gave-up-text = Le serveur ne répond pas. Vérifiez le réseau du poste, puis réessayez.
player-stopped-title = Serveur arrêté
player-stopped-text = Le serveur s’arrête ou redémarre ; le transfert est coupé et n’est jamais repris de lui-même.
player-cut-title = Coupé par l’administrateur
player-cut-text = L’administrateur a coupé votre session. La demande reste ouverte.
player-elsewhere-title = Déjà ouvert ailleurs
player-elsewhere-text = Ces images sont déjà ouvertes dans une autre fenêtre avec votre compte. Fermez-la, puis réessayez.
player-refused-title = Images refusées
player-refused-text = Le serveur n’accorde pas ces images.
player-ended-title = Images arrêtées
player-ended-text = Le serveur a mis fin à cette session.
player-logged-out-title = Session terminée
player-logged-out-text = Reconnectez-vous pour continuer.
player-retry = Réessayer
player-resume = Reprendre les images
player-login = Se connecter
player-tampered = Le filigrane a été modifié : l’image est masquée.
player-enlarge-back = Réduire

# Administration
sessions-title = Sessions en direct
sessions-lead = Chaque ligne est une personne qui reçoit des images en ce moment. « Couper » n’arrête que cette ligne.
sessions-none = Personne ne reçoit d’images.
hop-by-hop = Chiffrement par tronçon, AES-256 : du site au serveur, puis du serveur au poste.
purpose-transfer = Transfert
purpose-viewing = Regard du bailleur
connecting = Connexion…
frozen = Image figée
col-who = Qui
col-ticket = Demande
col-from = Poste, adresse
col-since = Depuis
col-cameras = Caméras, âge de l’image
col-volume = Volume
col-cipher = Chiffrement
col-action = Action
col-when = Quand
col-what = Quoi
col-address = Adresse
col-detail = Détail
col-camera = Caméra
col-state = État
col-codec = Codec
col-picture = Définition
col-fps = Images/s
col-bitrate = Débit
col-age = Âge
col-publisher = Source
cut-button = Couper
cut-title = Couper cette session
cut-text = Seule cette personne est coupée ; la demande reste ouverte. La raison est écrite au registre et montrée à la personne.
connections-title = Journal de connexion
connections-lead = Connexions, refus, visionnages, caméras qui publient. Conservé un an au plus ; le registre fait foi.
connections-none = Rien dans le journal.
connection-logged-in = Connexion
connection-login-refused = Connexion refusée
connection-logged-out = Déconnexion
connection-refused = Accès refusé
connection-viewing = Visionnage ouvert
connection-viewing-refused = Visionnage refusé
connection-viewing-left = Visionnage quitté
connection-publisher-came = Caméra connectée
connection-publisher-went = Caméra déconnectée
connection-publisher-refused = Caméra refusée
connection-tls-refused = TLS refusé
pager-label = Pages
pager-newer = Plus récent
pager-older = Plus ancien
sites-title = Sites et caméras
sites-lead = État des flux reçus, sans image. Le son n’est jamais transmis.
sites-none = Aucun site.
site-service = Service destinataire :
site-convention = Convention :
site-not-in-force = hors validité
camera-online = En ligne
camera-offline = Injoignable
audio-dropped = Son ignoré

# Registre
register-title = Registre
register-lead = Chaque événement, dans l’ordre où il a été écrit, du plus récent au plus ancien.
register-none = Le registre est vide.
event-server-started = Le serveur a démarré (version { $version }).
event-server-stopping = Le serveur a été arrêté.
event-register-repaired = Une dernière ligne incomplète ({ $bytes } octets), jamais confirmée, a été retirée à l’ouverture du registre.
event-clock-stepped = L’horloge de la machine a sauté de { $seconds } s.
event-site-declared = Le site { $site } a été déclaré ou modifié ({ $cameras } caméras).
event-designated = { $person } est désigné : { $role }.
event-second-factor-reset = { $actor } a réinitialisé le second facteur de { $person }.
event-workstation-issued = { $actor } a enregistré le poste dédié { $workstation } de { $service }.
event-workstation-revoked = { $actor } a révoqué le poste dédié { $workstation }.
event-struck = { $person } est retiré de l’annexe.
event-requested = { $actor } demande l’accès à { $site } pour { $service } : { $reasons } ; { $duration }.
event-withdrawn = { $actor } a retiré sa demande.
event-lapsed = Sans réponse, la demande est devenue caduque.
event-voided = La demande est annulée : une condition n’est plus remplie.
event-approved = { $actor } a approuvé la demande.
event-opened = Le transfert est ouvert jusqu’à { $until }.
event-refused = { $actor } a refusé la demande.
event-closed-expired = Transfert terminé : durée écoulée.
event-closed-ended = Transfert terminé : { $actor } a signalé la fin d’intervention.
event-closed-interrupted = Transfert interrompu pour le bailleur par { $actor }.
event-closed-cut = Transfert coupé par l’administrateur { $actor }.
event-closed-refused-after = Transfert coupé : { $actor } a refusé après l’ouverture.
event-closed-condition = Transfert coupé : une condition n’est plus remplie.
event-closed-register-failure = Transfert coupé : le registre ne pouvait plus être écrit.
event-closed-server-stopped = Transfert terminé par l’arrêt du serveur.
event-flowed = images transmises pendant { $length }
event-cut-in = coupé en { $cut }
event-session-granted-transfer = { $actor } reçoit l’autorisation de voir les images du transfert, depuis { $workstation }.
event-session-granted-viewing = { $actor } regarde les images pour le bailleur, depuis { $workstation }.
event-session-connected = Les images sont chiffrées et connectées.
event-session-ended-left = Le visionnage est quitté.
event-session-ended-vanished = Le poste ne répond plus : visionnage terminé.
event-session-ended-weak-cipher = Visionnage refusé : chiffrement insuffisant, aucune image envoyée.
event-session-ended-ticket-closed = Visionnage terminé avec le transfert.
event-session-ended-cut = { $actor } a coupé cette session.
event-session-ended-expired = Visionnage terminé : durée écoulée.
event-session-ended-replaced = Visionnage repris après une coupure du réseau.
event-session-ended-failed = Visionnage terminé par une panne.
event-session-ended-condition = Visionnage coupé : une condition n’est plus remplie.
event-session-ended-register-failure = Visionnage coupé : le registre ne pouvait plus être écrit.
event-session-ended-server-stopped = Visionnage terminé par l’arrêt du serveur.

# Courriels de démonstration
mails-title = Courriels de démonstration
mails-lead = Ce que le serveur enverrait par courriel. Ouvrir un lien ne décide de rien : il faut se connecter.
mails-boxes = Destinataires
mails-all = Tous les destinataires
mails-none = Aucun courriel pour l’instant.
mails-to = À
mails-open = Ouvrir

# Refus, par leur code
refusal-request-faulty = La demande contient des erreurs ; chacune est indiquée.
refusal-ticket-live = Une demande est déjà en cours pour ce patrimoine.
refusal-operators-only = Seul un agent du CSU peut demander l’accès.
refusal-administrator-only = Seul l’administrateur peut faire cela.
refusal-landlord-or-administrator-only = Seuls le bailleur et l’administrateur peuvent interrompre.
refusal-deciders-only = Seuls le titulaire et le suppléant décident.
refusal-requester-only = Seul l’agent qui a fait la demande peut faire cela.
refusal-own-ticket = Personne ne décide de sa propre demande.
refusal-not-designated = Vous n’êtes pas désigné dans l’annexe en vigueur.
refusal-not-your-images = Ces images ne vous sont pas destinées.
refusal-ticket-not-open = Personne n’a encore approuvé cette demande.
refusal-already-approved = Cette demande est déjà approuvée.
refusal-already-refused = Cette demande est déjà refusée.
refusal-already-watching = Ces images sont déjà ouvertes dans une autre fenêtre.
refusal-ticket-lapsed = Personne n’a répondu à temps : la demande est caduque.
refusal-ticket-withdrawn = L’agent a retiré sa demande.
refusal-ticket-voided = Une condition de la demande n’était plus remplie.
refusal-ticket-over = Ce transfert est terminé. Une nouvelle demande est possible.
refusal-ticket-expired = La durée accordée est écoulée.
refusal-unknown-ticket = Cette demande n’existe pas, ou elle n’est pas pour vous.
refusal-unknown-session = Cette session n’existe pas.
refusal-session-over = Cette session est déjà terminée.
refusal-no-reason-given = Donnez une raison.
refusal-reason-too-long = La raison est trop longue.
refusal-own-second-factor = Un autre administrateur doit réinitialiser votre second facteur.
refusal-unknown-person = Cette personne n’est pas dans l’annexe en vigueur.
refusal-workstation-required = Connectez-vous depuis le poste dédié de votre service (article 6). Son certificat manque, est révoqué ou appartient à un autre service.
refusal-workstation-revoked = Ce poste dédié a été révoqué. Prévenez l’administrateur.
refusal-not-found = Il n’y a rien à cette adresse, ou ce n’est pas pour vous.
refusal-register-unavailable = Le registre ne peut pas être écrit : rien n’est accordé. L’administrateur est prévenu.
refusal-busy = Trop de demandes à la fois. Réessayez dans une seconde.
refusal-stopping = Le serveur s’arrête.
refusal-disk-full = Le disque du serveur est plein : les transferts en cours peuvent être arrêtés ; l’administrateur doit libérer de la place puis redémarrer le serveur.
fault-email-mismatch = Ce n’est pas l’adresse de votre compte.
fault-duration-out-of-range = La durée va de 2 à 12 heures.
fault-unknown-site = Choisissez un patrimoine de la convention.
fault-site-not-yours = Ce patrimoine n’est pas ouvert à votre service.
fault-convention-not-valid = La convention de ce patrimoine n’est pas en vigueur.
fault-no-reason = Cochez au moins un motif.
fault-unknown-reason = Ce motif n’est pas dans la convention.
fault-no-reason-given = Donnez une raison.
fault-reason-too-long = La raison est trop longue.
