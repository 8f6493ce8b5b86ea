# Mails.
mail-greeting = Hello { $name },
mail-requested-subject = Request for images: { $site }
mail-requested-what = { $requester } ({ $service }) asks for the live images of { $site } for { $hours }. Reason: { $reasons }.
mail-requested-until = Without an answer before { $until } the request lapses: silence is never consent.
mail-requested-link = Look at the images and decide
mail-opened-operator-subject = Access granted: { $site }
mail-opened-operator-what = { $decider } has approved your request. The images of { $site } can be watched on the dedicated workstation until { $until }.
mail-opened-operator-end = Report the end of the intervention as soon as the images are no longer needed: the granted duration is a ceiling.
mail-opened-operator-link = Open the images
mail-opened-landlord-subject = Images shared: { $site }
mail-opened-landlord-what = { $decider } has approved the request of { $requester } ({ $service }). The images of { $site } are shared until { $until }.
mail-opened-landlord-end = You can interrupt at any moment.
mail-opened-landlord-link = Follow or interrupt
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

# Checkpoint of the register, sent each day to the signatories.
mail-checkpoint-greeting = Hello,
mail-checkpoint-subject = Register of transmissions: checkpoint of { $day }
mail-checkpoint-what = This is the checkpoint of the register of transmissions of { $day }: { $entries } entries. Keep this mail: with it anybody can prove, later and without trusting the server, that these entries were neither changed, nor removed, nor replaced.
mail-checkpoint-how = To verify a copy of the register: save this mail to a file, then run "ecluse register verify --file REGISTER.jsonl --checkpoint MAIL.txt --key KEY" with the public key that was handed to you.
mail-checkpoint-key = Public key of this server, to be compared with the one that was handed to you: { $key }
mail-checkpoint-footer = Automatic mail: it names nobody and asks for no answer.

# An access request that waits (article 5)
mail-access-due-subject = Access request waiting: { $site }
mail-access-due-what = A filmed person’s request under the right of access, at { $site }, has waited for twenty days. The answer is due before { $until }.
mail-access-due-link = See the access requests
