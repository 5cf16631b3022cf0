"""What people say to show that they listen, by language: "uh huh", "okay", "mhm" (backchannels). Pure.

The languages are those that an agent may have at Retell (its page Create Agent, 2026-08). A phrase is matched as
words_of in turn_words.py gives it: in lower case, without punctuation, a hyphen being a space.
"""

# ruff: noqa: RUF001  (letters of other scripts look like Latin ones)
from __future__ import annotations

from collections.abc import Mapping
from typing import Final

EVERYWHERE: Final = (
    "mhm, mhmm, m hm, mm, mm hmm, mmhmm, mm hm, mm mm, hmm, hm, hm hm, um hum, um hmm, uh huh, uh hum, uhhuh, aha, "
    "ah ha, ah, oh, ok, okay, okey, wow"
)
"""Heard in all languages; what a recognizer writes for a hum is much the same everywhere."""

NODS: Final[Mapping[str, str]] = {
    "af": "ja, jaja, goed, reg so, ek sien, presies, natuurlik",
    "ar": "نعم, أيوه, ايوه, ايوا, أجل, طيب, تمام, حسنا, حسنًا, صحيح, ماشي, اه, آه, أها, مفهوم",
    "az": "bəli, hə, yaxşı, aydındır, düzdür, oldu, tamam",
    "bg": "да, добре, ясно, аха, разбирам, точно, така, окей, мхм",
    "bs": "da, dobro, jasno, tačno, razumijem, naravno, aha, važi, u redu",
    "ca": "sí, si, d'acord, vale, clar, molt bé, ja, entesos, exacte, bé",
    "cs": "jo, ano, dobře, jasně, aha, rozumím, přesně, no jo, hm, v pořádku",
    "cy": "ie, iawn, ydw, wrth gwrs, dw i'n gweld, da iawn",
    "da": "ja, jo, jaja, okay, nå, klart, præcis, godt, det er fint, selvfølgelig, jeg forstår",
    "de": "ja, jaja, genau, gut, alles klar, verstehe, ach so, achso, richtig, stimmt, klar, ja klar, "
    "ja genau, sehr gut",
    "el": "ναι, ναι ναι, εντάξει, καλά, ωραία, σωστά, μάλιστα, κατάλαβα, ακριβώς, βέβαια, οκέι, αχά",
    "en": "yes, yeah, yep, yup, right, sure, i see, got it, alright, all right, cool, good, great, perfect, exactly, "
    "absolutely, go on, of course",
    "es": "ajá, sí, si, vale, claro, ya, bueno, bien, entiendo, de acuerdo, exacto, perfecto, muy bien, por supuesto",
    "fa": "بله, آره, باشه, خب, درسته, اوهوم, آها, فهمیدم, حتما, خوبه",
    "fi": "joo, juu, kyllä, niin, aivan, hyvä, selvä, okei, aha, ymmärrän, totta kai",
    "fil": "oo, opo, sige, sige po, tama, oo nga, ganun ba, naiintindihan ko",
    "fr": "hum, oui, ouais, d'accord, bien, bien sûr, je vois, voilà, exactement, très bien, entendu, "
    "tout à fait, ah oui",
    "gl": "si, de acordo, vale, claro, ben, moi ben, entendo, exacto, xa",
    "he": "כן, אוקיי, אוקי, בסדר, טוב, נכון, הבנתי, אהה, בטח, ברור, מצוין",
    "hi": "हाँ, हां, जी, जी हाँ, जी हां, हाँ जी, हां जी, अच्छा, ठीक है, ठीक, सही, सही है, बिल्कुल, हम्म, ओके, समझ गया, समझ गई",
    "hr": "da, dobro, jasno, točno, razumijem, naravno, aha, može, u redu",
    "hu": "igen, jó, aha, persze, értem, rendben, oké, pontosan, világos, ja",
    "hy": "այո, հա, լավ, հասկացա, պարզ է, ճիշտ է, իհարկե",
    "id": "ya, iya, baik, oke, betul, benar, begitu, paham, mengerti, tentu, ya ya, he eh",
    "is": "já, jájá, jú, einmitt, allt í lagi, ég skil, gott, ókei",
    "it": "sì, si, sì sì, va bene, certo, capito, ho capito, giusto, bene, d'accordo, esatto, ah sì, già, perfetto",
    "ja": "はい, はいはい, うん, うんうん, ええ, そう, そうですね, そうですか, そうですよね, なるほど, "
    "分かりました, わかりました, "
    "わかった, 分かった, 了解, 了解です, "
    "へえ, へー, ふーん, うーん, ああ, あー, オーケー, もちろん, 確かに, ね",
    "kk": "иә, ия, жақсы, түсіндім, дұрыс, әрине, жарайды, солай",
    "kn": "ಹೌದು, ಸರಿ, ಹಾ, ಹೂಂ, ಒಳ್ಳೆಯದು, ಅರ್ಥವಾಯಿತು, ಆಯ್ತು, ಓಕೆ",
    "ko": "네, 네네, 예, 응, 음, 어, 그래, 그래요, 그렇군요, 그렇구나, 그렇죠, 맞아요, 맞아, 알겠습니다, "
    "알겠어요, 알았어, 아, 아하, 오케이, 좋아요, "
    "좋아, 네 알겠습니다, 네 맞아요",
    "lt": "taip, gerai, aišku, suprantu, teisingai, žinoma, nu, jo, tikrai",
    "lv": "jā, labi, skaidrs, saprotu, pareizi, protams, nu jā, tieši tā",
    "mk": "да, добро, јасно, точно, разбирам, секако, аха, во ред, важи",
    "mr": "हो, होय, हं, बरं, ठीक आहे, ठीक, बरोबर, अच्छा, समजलं, नक्की, ओके",
    "ms": "ya, iya, baik, okey, betul, faham, tentu, begitu, ya ya",
    "ne": "हो, हजुर, ठीक छ, ठिक छ, राम्रो, बुझें, बुझेँ, अँ, ए, हस्, ओके",
    "nl": "ja, jaja, oké, prima, goed, precies, klopt, juist, ik snap het, begrepen, duidelijk, natuurlijk, ja hoor, "
    "ja precies, tuurlijk",
    "no": "ja, jo, jada, nettopp, greit, akkurat, ok, bra, skjønner, jeg skjønner, selvfølgelig, riktig",
    "pl": "tak, no, no tak, dobrze, dobra, jasne, rozumiem, aha, okej, racja, zgadza się, oczywiście, właśnie",
    "pt": "sim, aham, uhum, tá, tá bom, está bem, certo, claro, pois, pois é, isso, entendi, entendo, percebo, "
    "bom, bem, "
    "ótimo, beleza, exato, é, ah sim, com certeza",
    "ro": "da, bine, sigur, înțeleg, aha, exact, corect, desigur, okei, am înțeles, așa, mda",
    "ru": "да, ага, угу, хорошо, понятно, ясно, так, верно, понял, поняла, конечно, ладно, точно, окей, ну да, да да",
    "sk": "áno, hej, dobre, jasné, aha, rozumiem, presne, no, okej, v poriadku",
    "sl": "ja, da, dobro, jasno, točno, razumem, seveda, aha, v redu, prav",
    "sr": "да, добро, јасно, тачно, разумем, наравно, аха, важи, у реду, da, dobro, jasno, tačno, razumem, naravno, "
    "važi, u redu",
    "sv": "ja, jo, jaha, okej, precis, just det, bra, visst, jag förstår, självklart, ja just det, aha",
    "sw": "ndio, ndiyo, sawa, haya, naelewa, kweli, vizuri, eh, sawa sawa",
    "ta": "ஆமா, ஆமாம், சரி, ம்ம், ம், நல்லது, புரிகிறது, புரியுது, ஓகே, கண்டிப்பா",
    "th": "ครับ, ค่ะ, คะ, จ้ะ, อืม, อือ, เออ, ใช่, ใช่ครับ, ใช่ค่ะ, โอเค, โอเคครับ, โอเคค่ะ, ได้, ได้ครับ, "
    "ได้ค่ะ, เข้าใจ, "
    "เข้าใจแล้ว, อ๋อ, แน่นอน",
    "tr": "evet, tamam, tabii, tabi, peki, anladım, doğru, hı hı, hıhı, hımm, he, olur, güzel, aynen, oldu, tabii ki",
    "uk": "так, ага, угу, добре, зрозуміло, ясно, вірно, звичайно, гаразд, точно, окей, ну так",
    "ur": "جی, ہاں, جی ہاں, ہاں جی, اچھا, ٹھیک ہے, ٹھیک, صحیح, بالکل, ہمم, اوکے, سمجھ گیا, سمجھ گئی",
    "vi": "vâng, dạ, ừ, ừm, đúng rồi, đúng, được, được rồi, ok, tôi hiểu, hiểu rồi, à, ờ, dạ vâng, phải, thế à",
    "yue": "係, 係呀, 係啊, 好, 好呀, 好嘅, 得, 得喇, 明白, 知道, 嗯, 哦, 啱, 冇錯, 係咁",
    "zh": "嗯, 嗯嗯, 对, 对对, 是, 是的, 好, 好的, 好吧, 行, 哦, 喔, 噢, 啊, 明白, 明白了, 知道, 知道了, 没错, "
    "当然, 可以, 對, 對對, 沒錯, 當然",
}
"""The nods of each language, by the first part of its BCP 47 code, beside EVERYWHERE."""
