# Mails.
mail-greeting = Hello { $name },
mail-requested-subject = Request for images: { $site }
mail-requested-what = { $requester } ({ $service }) asks for the live images of { $site } for { $hours }. Reason: { $reasons }.
mail-requested-until = Without an answer before { $until } the request lapses: silence is never consent.
mail-requested-link = Look at the images and decide
mail-opened-operator-subject = Access granted: { $site }
mail-opened-operator-what = { $decider } has approved your request. The images of { $site } can be watched on the dedicated workstation until { $until }. The link is for you alone: it works only on the first workstation that uses it, while the request is open.
mail-opened-operator-what-urgent = Your request was opened at once (urgent mode, amendment { $avenant }, an alert stands). The images of { $site } can be watched on the dedicated workstation until { $until }. The link is for you alone: it works only on the first workstation that uses it, while the request is open.
mail-opened-operator-end = Report the end of the intervention as soon as the images are no longer needed: the granted duration is a ceiling.
mail-opened-operator-link = Open the images
mail-opened-landlord-subject = Images shared: { $site }
mail-opened-landlord-what = { $decider } has approved the request of { $requester } ({ $service }). The images of { $site } are shared until { $until }.
mail-opened-landlord-end = You can interrupt at any moment.
mail-opened-landlord-link = Follow or interrupt
mail-opened-urgently-subject = Opened urgently, without your prior approval: { $site }
mail-opened-urgently-what = { $requester } ({ $service }) can see the images of { $site } from now until { $until }. Reason: { $reasons }. An alert by your guard stands and amendment { $avenant } allows the immediate opening: nobody decided.
mail-opened-urgently-cut = You can cut at any moment, with one tap, on the page behind this link.
mail-opened-urgently-link = Cut now
mail-refused-subject = Request refused: { $site }
mail-refused-what = { $decider } has refused your request for the images of { $site }. Reason given: { $why }
mail-lapsed-subject = Request lapsed: { $site }
mail-lapsed-what = Nobody answered the request for the images of { $site } in time. A new request is possible.
mail-withdrawn-subject = Request withdrawn: { $site }
mail-withdrawn-what = { $requester } ({ $service }) has withdrawn the request for the images of { $site }. There is nothing left to decide.
mail-closed-subject = End of sharing: { $site }
mail-closed-what = The images of { $site } are no longer shared since { $at }. Cause: { $cause }. Time during which images were transmitted: { $flowed }.
mail-ticket-link = See the ticket
mail-cause-expired = the granted duration is over
mail-cause-end = end of intervention reported by the operations room
mail-cause-landlord = interrupted by the landlord ({ $why })
mail-cause-administrator = interrupted by the administrator ({ $why })
mail-cause-refused = refused by the second decider ({ $why })
mail-cause-condition = a condition of the convention is no longer met ({ $why })
mail-cause-register = the register could no longer be written
mail-cause-stopped = the server stopped
mail-reason-atteintes-integrite-physique = harm to persons
mail-reason-vols = theft
mail-reason-degradations = damage
mail-reason-attroupements = gatherings
mail-reason-occupations-abusives = unlawful occupation
mail-reason-intervention-police = police intervention
mail-footer = Opening this link decides nothing: logging in is required. Ticket { $ticket }.
mail-footer-plain = Automatic mail: opening this link decides nothing, a log-in is needed.
mail-renewal-subject = Convention: notice period from { $from } ({ $site })
mail-renewal-what = The convention that allows the images of { $site } to be transferred ends on { $end }. The three months' notice begins on { $from }.
mail-renewal-todo = Without an act of renewal recorded before that end no request will be accepted any more, and any transfer under way will be cut.
mail-renewal-link = See the site's dossier
mail-workstation-expiry-subject = Certificate of workstation { $workstation }: ends on { $end }
mail-workstation-expiry-what = The certificate of the dedicated workstation { $workstation } ends on { $end }. After that its agents can neither log in nor see images.
mail-workstation-expiry-todo = Issue a new certificate before that date: revoke the old one, then "ecluse workstation issue".
mail-workstation-expiry-link = See the workstations

# Checkpoint of the register, sent each day to the signatories.
mail-checkpoint-greeting = Hello,
mail-checkpoint-subject = Register of transmissions: checkpoint of { $day }
mail-checkpoint-what = This is the checkpoint of the register of transmissions of { $day }: { $entries } entries. Keep this mail: with it anybody can prove, later and without trusting the server, that these entries were neither changed, nor removed, nor replaced.
mail-checkpoint-how = To verify a copy of the register: save this mail to a file, then run "ecluse register verify --file REGISTER.jsonl --checkpoint MAIL.txt --key KEY" with the public key that was handed to you.
mail-checkpoint-key = Public key of this server, to be compared with the one that was handed to you: { $key }
mail-checkpoint-footer = Automatic mail: it names nobody and asks for no answer.

# Invitation: choose one's password and enrol one's second factor.
mail-invitation-subject = Your access to Écluse: to be set up
mail-invitation-what = There is a personal Écluse account in your name, under the address { $email }. An administrator invites you to choose your password and to enrol your second factor.
mail-invitation-how = Accepting replaces the password and the second factor you may already have. Nobody but you should know your password: pass this mail on to nobody.
mail-invitation-until = This link works once, before { $until }. After that, ask your administrator for another one.
mail-invitation-link = Choose my password
mail-invitation-footer = Opening this link changes nothing until you have sent the form. If you did not expect this mail, do not open it and tell your administrator.

# An access request that waits (article 5)
mail-access-due-subject = Access request waiting: { $site }
mail-access-due-what = A filmed person’s request under the right of access, at { $site }, has waited for twenty days. The answer is due before { $until }.
mail-access-due-link = See the access requests
